// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.File
import java.nio.file.Path
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.test.assertTrue
import org.junit.jupiter.api.io.TempDir

class SourceReaderTest {
    @TempDir
    lateinit var directory: Path

    private val bytes = Random(5).nextBytes(2_500_000)
    private val file: File by lazy { directory.resolve("source").toFile().apply { writeBytes(bytes) } }

    @Test
    fun `going back and sending again counts each byte once`() {
        SourceReader(FileSource(file)).use { reader ->
            reader.read(1_000_000)
            reader.seek(300_000)
            assertContentEquals(bytes.copyOfRange(300_000, 1_500_000), reader.read(1_200_000))
            assertFalse(reader.summedUp)
            reader.read(1_000_000)
            assertTrue(reader.summedUp)
            assertEquals(Crc64.of(bytes), reader.sum)
        }
    }

    @Test
    fun `what another process sent is read once more for the sum`() {
        SourceReader(FileSource(file)).use { reader ->
            reader.seek(2_000_000)
            reader.read(500_000)
            while (!reader.summedUp) reader.sumNext()
            assertEquals(Crc64.of(bytes), reader.sum)
        }
    }

    @Test
    fun `a source that is gone or shorter is told typed`() {
        val source = FileSource(file)
        file.writeBytes(bytes.copyOf(1_000))
        assertEquals("SOURCE_CHANGED", assertFailsWith<SluiceException> { SourceReader(source).use { it.read(2_000) } }.reason)
        file.delete()
        assertEquals("SOURCE_UNREADABLE", assertFailsWith<SluiceException> { SourceReader(source).use { it.read(2_000) } }.reason)
    }

    @Test
    fun `a file that was written again is another source`() {
        val before = FileSource(file).identity
        file.setLastModified(file.lastModified() + 60_000)
        assertNotEquals(before, FileSource(file).identity)
    }
}
