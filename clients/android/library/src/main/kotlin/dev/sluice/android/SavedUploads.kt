// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import io.grpc.Status.Code
import java.io.IOException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.withContext

/** The store as one upload sees it: off the caller's thread, with typed failures. */
internal class SavedUploads(private val store: UploadStore, private val name: String, private val io: CoroutineDispatcher) {
    suspend fun load(): SavedUpload? = typed { store.load(name) }
    suspend fun save(upload: SavedUpload): Unit = typed { store.save(name, upload) }
    suspend fun remove(): Unit = typed { store.remove(name) }

    /** After the end, where what stays behind does no harm. */
    suspend fun tryToRemove() {
        try {
            remove()
        } catch (_: SluiceException) {
            return
        }
    }

    private suspend fun <T> typed(work: () -> T): T = try {
        withContext(io) { work() }
    } catch (failed: IOException) {
        throw SluiceException.Fatal(Code.INTERNAL, "STORE_FAILED", "the saved upload cannot be read or written", cause = failed)
    }
}
