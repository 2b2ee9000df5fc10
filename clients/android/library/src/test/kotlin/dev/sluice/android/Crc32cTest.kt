// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.util.zip.CRC32C
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals

class Crc32cTest {
    // RFC 3720, B.4, and the check value of the catalogue of CRCs.
    @Test
    fun `the published vectors come out`() {
        assertEquals(0xE3069283u, Crc32c.of("123456789".toByteArray()).toUInt())
        assertEquals(0x8A9136AAu, Crc32c.of(ByteArray(32)).toUInt())
        assertEquals(0x62A8AB43u, Crc32c.of(ByteArray(32) { -1 }).toUInt())
        assertEquals(0x46DD794Eu, Crc32c.of(ByteArray(32) { it.toByte() }).toUInt())
        assertEquals(0x113FDB5Cu, Crc32c.of(ByteArray(32) { (31 - it).toByte() }).toUInt())
    }

    @Test
    fun `it agrees with Java's own for every length and place`() {
        val bytes = Random(2).nextBytes(200)
        for (from in 0..16) for (until in from..bytes.size) {
            val expected = CRC32C().apply { update(bytes, from, until - from) }.value.toInt()
            assertEquals(expected, Crc32c.of(bytes, from, until), "$from until $until")
        }
    }
}
