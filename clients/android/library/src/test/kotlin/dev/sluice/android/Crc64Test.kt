// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import com.google.gson.JsonParser
import java.io.File
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue

class Crc64Test {
    @Test
    fun `every published vector comes out`() {
        val vectors = JsonParser.parseReader(File("../../../tests/vectors/crc64.json").reader()).asJsonArray.map { it.asJsonObject }
        val judged = vectors.filter { it["kind"].asString == "crc64" && it.has("data") }
        for (vector in judged) {
            val sum = Crc64.of(vector["data"].asString.toByteArray(), running = vector["running"].asString.toULong().toLong())
            assertEquals(vector["expected"].asJsonObject["crc64"].asString, sum.toULong().toString(), vector["name"].asString)
        }
        assertTrue(judged.size >= 5, "only ${judged.size} vectors were found")
    }

    @Test
    fun `pieces of any length give the sum of the whole`() {
        val bytes = Random(1).nextBytes(1_000)
        val whole = Crc64.of(bytes)
        for (cut in 0..bytes.size) {
            val head = Crc64.of(bytes, 0, cut)
            assertEquals(whole, Crc64.of(bytes, cut, bytes.size, head), "cut at $cut")
        }
    }
}
