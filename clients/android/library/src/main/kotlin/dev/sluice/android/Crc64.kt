// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

/** CRC-64/XZ, which OSS gives as `x-oss-hash-crc64ecma`. */
internal object Crc64 {
    private const val POLYNOMIAL = -0x3693a86a2878f0be // 0xC96C5795D7870F42

    private val tables = Array(8) { LongArray(256) }.also { tables ->
        for (byte in 0..255) {
            var sum = byte.toLong()
            repeat(8) { sum = if (sum and 1L != 0L) (sum ushr 1) xor POLYNOMIAL else sum ushr 1 }
            tables[0][byte] = sum
        }
        for (table in 1..7) for (byte in 0..255) {
            val before = tables[table - 1][byte]
            tables[table][byte] = (before ushr 8) xor tables[0][(before and 0xFF).toInt()]
        }
    }

    /** Of the bytes that gave [running], 0 for none, followed by these. */
    fun of(bytes: ByteArray, from: Int = 0, until: Int = bytes.size, running: Long = 0): Long {
        var sum = running.inv()
        var at = from
        while (until - at >= 8) {
            val low = sum.toInt() xor littleEndianInt(bytes, at)
            val high = (sum ushr 32).toInt() xor littleEndianInt(bytes, at + 4)
            sum = tables[7][low and 0xFF] xor tables[6][(low ushr 8) and 0xFF] xor
                tables[5][(low ushr 16) and 0xFF] xor tables[4][low ushr 24] xor
                tables[3][high and 0xFF] xor tables[2][(high ushr 8) and 0xFF] xor
                tables[1][(high ushr 16) and 0xFF] xor tables[0][high ushr 24]
            at += 8
        }
        while (at < until) sum = (sum ushr 8) xor tables[0][((sum xor bytes[at++].toLong()) and 0xFF).toInt()]
        return sum.inv()
    }
}
