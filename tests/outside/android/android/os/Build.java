// SPDX-License-Identifier: Apache-2.0
package android.os;

// In place of Android's own, which asks a native library that a plain JVM lacks: what the SDK reads of the device.
public final class Build {
  public static final String MODEL = "jvm";
  public static final String BRAND = "sluice";
  public static final String MANUFACTURER = "sluice";
  public static final String PRODUCT = "test";
  public static final String DEVICE = "test";
  public static final String ID = "0";
  public static final String DISPLAY = "0";
  public static final String FINGERPRINT = "0";
  private Build() {}
  public static final class VERSION {
    public static final int SDK_INT = 21;
    public static final String RELEASE = "5.0.2";
    private VERSION() {}
  }
  public static final class VERSION_CODES {
    public static final int LOLLIPOP = 21;
    public static final int M = 23;
    public static final int N = 24;
    public static final int Q = 29;
    private VERSION_CODES() {}
  }
}
