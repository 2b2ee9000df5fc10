// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

/** CRC-32C (Castagnoli), as [dev.sluice.upload.v1.Chunk] carries it. `java.util.zip.CRC32C` came to Android with API 34 alone. */
internal object Crc32c {
    private const val POLYNOMIAL = 0x82F63B78.toInt()

    // Eight tables, so that eight bytes cost one step.
    private val tables = Array(8) { IntArray(256) }.also { tables ->
        for (byte in 0..255) {
            var sum = byte
            repeat(8) { sum = if (sum and 1 != 0) (sum ushr 1) xor POLYNOMIAL else sum ushr 1 }
            tables[0][byte] = sum
        }
        for (table in 1..7) for (byte in 0..255) {
            val before = tables[table - 1][byte]
            tables[table][byte] = (before ushr 8) xor tables[0][before and 0xFF]
        }
    }

    fun of(bytes: ByteArray, from: Int = 0, until: Int = bytes.size): Int {
        var sum = -1
        var at = from
        while (until - at >= 8) {
            val low = sum xor littleEndianInt(bytes, at)
            val high = littleEndianInt(bytes, at + 4)
            sum = tables[7][low and 0xFF] xor tables[6][(low ushr 8) and 0xFF] xor
                tables[5][(low ushr 16) and 0xFF] xor tables[4][low ushr 24] xor
                tables[3][high and 0xFF] xor tables[2][(high ushr 8) and 0xFF] xor
                tables[1][(high ushr 16) and 0xFF] xor tables[0][high ushr 24]
            at += 8
        }
        while (at < until) sum = (sum ushr 8) xor tables[0][(sum xor bytes[at++].toInt()) and 0xFF]
        return sum.inv()
    }
}

internal fun littleEndianInt(bytes: ByteArray, at: Int): Int =
    (bytes[at].toInt() and 0xFF) or ((bytes[at + 1].toInt() and 0xFF) shl 8) or
        ((bytes[at + 2].toInt() and 0xFF) shl 16) or (bytes[at + 3].toInt() shl 24)
