// SPDX-License-Identifier: Apache-2.0
package android.os;

import java.io.File;

// In place of Android's own: a device without a memory card, so that the SDK writes no log file.
public final class Environment {
  public static final String MEDIA_MOUNTED = "mounted";
  private Environment() {}
  public static String getExternalStorageState() { return "removed"; }
  public static File getExternalStorageDirectory() { return new File("/nonexistent"); }
  public static File getDataDirectory() { return new File("/"); }
  public static File getRootDirectory() { return new File("/"); }
}
