// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.File
import java.io.FileInputStream
import java.io.IOException
import java.io.InputStream

/** Bytes that can be read again from any place, since what was not stored is sent again. Its methods may block, but not for ever. */
public interface UploadSource {
    public val sizeBytes: Long

    /** Another text whenever the bytes may be others, so that an upload is never gone on with half of something else. */
    public val identity: String

    /** The bytes from [offset] on. Failures are `IOException`s. */
    public fun open(offset: Long): InputStream
}

public class FileSource(private val file: File) : UploadSource {
    override val sizeBytes: Long = file.length()
    override val identity: String = "${file.absolutePath}:$sizeBytes:${file.lastModified()}"

    override fun open(offset: Long): InputStream {
        val stream = FileInputStream(file)
        try {
            stream.channel.position(offset)
        } catch (failed: IOException) {
            stream.close()
            throw failed
        }
        return stream
    }
}

/** Fills [into] or says how much there was. */
internal fun InputStream.fill(into: ByteArray, length: Int): Int {
    var filled = 0
    while (filled < length) {
        val got = read(into, filled, length - filled)
        if (got < 0) break
        filled += got
    }
    return filled
}
