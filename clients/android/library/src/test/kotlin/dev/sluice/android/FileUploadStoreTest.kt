// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.File
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNull
import org.junit.jupiter.api.io.TempDir

class FileUploadStoreTest {
    @TempDir
    lateinit var directory: Path

    private val store get() = FileUploadStore(directory.resolve("uploads").toFile())
    private val files get() = directory.resolve("uploads").toFile().listFiles().orEmpty().toList()

    @Test
    fun `what was saved another object reads`() {
        store.save("cat", SavedUpload("r1", "print"))
        assertNull(store.load("cat")!!.uploadId)

        store.save("cat", SavedUpload("r1", "print", "secret-id"))
        val read = store.load("cat")!!

        assertEquals(listOf("r1", "print", "secret-id"), listOf(read.requestId, read.fingerprint, read.uploadId))
        assertNull(store.load("dog"))
    }

    @Test
    fun `nobody but its owner may read the file, and nothing else is left`() {
        store.save("../cat/\u0000", SavedUpload("r1", "print", "secret-id"))

        assertEquals(1, files.size)
        assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(files.single().toPath())))
    }

    @Test
    fun `what was removed is gone, and removing it again is fine`() {
        store.save("cat", SavedUpload("r1", "print", "secret-id"))

        store.remove("cat")
        store.remove("cat")

        assertNull(store.load("cat"))
        assertEquals(emptyList<File>(), files)
    }

    @Test
    fun `a file of another version is as good as none`() {
        store.save("cat", SavedUpload("r1", "print", "secret-id"))
        files.single().writeBytes(byteArrayOf(0, 0, 0, 9, 1, 2))

        assertNull(store.load("cat"))
    }

    @Test
    fun `a saved upload that is printed shows no id`() {
        assertFalse(SavedUpload("r1", "print", "secret-id").toString().contains("secret"))
    }
}
