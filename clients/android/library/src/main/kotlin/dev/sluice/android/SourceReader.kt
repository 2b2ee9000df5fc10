// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import io.grpc.Status.Code
import java.io.Closeable
import java.io.IOException
import java.io.InputStream

/** A source read onwards from some place, with the CRC-64 of all that was seen. Not thread-safe; blocks. */
internal class SourceReader(private val source: UploadSource) : Closeable {
    private var stream: InputStream? = null
    private var at = 0L
    private var summed = 0L

    /** CRC-64 of what was seen from the first byte on. */
    var sum = 0L
        private set

    fun seek(offset: Long): Unit = typed {
        if (stream != null && at == offset) return@typed
        close()
        stream = source.open(offset)
        at = offset
    }

    /** The next [length] bytes, of which the source must have as many. */
    fun read(length: Int): ByteArray = typed {
        val bytes = ByteArray(length)
        val got = (stream ?: source.open(at).also { stream = it }).fill(bytes, length)
        if (got < length) throw changed()
        see(bytes)
        at += length
        bytes
    }

    /** Whether [sum] is that of the whole source. */
    val summedUp: Boolean get() = summed == source.sizeBytes

    /** Reads on where the sum stopped: the bytes that another process has sent. */
    fun sumNext() {
        seek(summed)
        read(minOf(PIECE.toLong(), source.sizeBytes - summed).toInt())
    }

    override fun close() {
        stream?.close()
        stream = null
    }

    // Bytes that are sent a second time are summed once.
    private fun see(bytes: ByteArray) {
        val end = at + bytes.size
        if (at > summed || end <= summed) return
        sum = Crc64.of(bytes, (summed - at).toInt(), bytes.size, sum)
        summed = end
    }

    private fun changed() =
        SluiceException.Fatal(Code.ABORTED, "SOURCE_CHANGED", "the source became shorter while it was read")

    private inline fun <T> typed(reading: () -> T): T = try {
        reading()
    } catch (failed: IOException) {
        throw SluiceException.Fatal(Code.ABORTED, "SOURCE_UNREADABLE", "the source cannot be read", cause = failed)
    }

    private companion object {
        const val PIECE = 1 shl 20
    }
}
