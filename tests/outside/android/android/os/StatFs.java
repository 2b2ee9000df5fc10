// SPDX-License-Identifier: Apache-2.0
package android.os;

// In place of Android's own: a device with no room for the SDK's log file.
public final class StatFs {
  public StatFs(String path) {}
  public int getBlockSize() { return 4096; }
  public int getAvailableBlocks() { return 0; }
  public int getBlockCount() { return 0; }
  public long getBlockSizeLong() { return 4096; }
  public long getAvailableBlocksLong() { return 0; }
}
