// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.File
import java.io.FileInputStream
import java.io.FileOutputStream
import java.io.IOException

/** What must outlive the process so that an upload can be gone on with. */
public class SavedUpload(
    /** The same for every attempt at this upload. */
    public val requestId: String,
    /** Of source and order: another one means another upload. */
    public val fingerprint: String,
    /** The gateway's id; null until it is known. A secret: for an anonymous caller it is all the proof there is. */
    public val uploadId: String? = null,
) {
    override fun toString(): String = "SavedUpload($requestId)"
}

/** Keeps uploads by the name that the app gives them. Its methods may block; failures are `IOException`s. */
public interface UploadStore {
    public fun load(name: String): SavedUpload?
    public fun save(name: String, upload: SavedUpload)
    public fun remove(name: String)
}

/** A file for each upload, which its owner alone may read; in an app best below `noBackupFilesDir`. */
public class FileUploadStore(private val directory: File) : UploadStore {

    override fun load(name: String): SavedUpload? {
        val file = fileOf(name)
        if (!file.exists()) return null
        return DataInputStream(FileInputStream(file).buffered()).use {
            // Of another version of this library: as good as none.
            if (it.readInt() != FORMAT) return null
            SavedUpload(it.readUTF(), it.readUTF(), it.readUTF().ifEmpty { null })
        }
    }

    // Written beside it and renamed, so that a process that dies leaves the old or the new one; shut before it holds anything.
    override fun save(name: String, upload: SavedUpload) {
        if (!directory.isDirectory && !directory.mkdirs() && !directory.isDirectory) throw IOException("cannot make $directory")
        val fresh = File.createTempFile("upload", ".new", directory)
        try {
            shut(fresh)
            FileOutputStream(fresh).use { file ->
                DataOutputStream(file.buffered()).apply {
                    writeInt(FORMAT)
                    writeUTF(upload.requestId)
                    writeUTF(upload.fingerprint)
                    writeUTF(upload.uploadId.orEmpty())
                    flush()
                }
                file.fd.sync()
            }
            if (!fresh.renameTo(fileOf(name))) throw IOException("cannot replace the saved upload in $directory")
        } finally {
            fresh.delete()
        }
    }

    override fun remove(name: String) {
        val file = fileOf(name)
        if (file.exists() && !file.delete() && file.exists()) throw IOException("cannot remove a saved upload in $directory")
    }

    private fun fileOf(name: String) = File(directory, sha256(name).take(32) + ".upload")

    private fun shut(file: File) {
        val all = file.setReadable(false, false) && file.setWritable(false, false) && file.setExecutable(false, false)
        if (!all || !file.setReadable(true, true) || !file.setWritable(true, true)) throw IOException("cannot shut $file to others")
    }

    private companion object {
        const val FORMAT = 0x534C5531
    }
}
