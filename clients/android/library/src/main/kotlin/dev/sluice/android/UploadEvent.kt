// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import kotlinx.coroutines.flow.Flow

/**
 * What an upload tells. Every flow of these gives any number of [Progress], then exactly one [Done] or [Failed], then ends; it never
 * throws and never stays silent for good. Only whoever cancels the collection hears nothing more, and can collect again to go on.
 */
public sealed interface UploadEvent {
    /** What is safe in OSS, and never becomes less. */
    public data class Progress(val committedBytes: Long, val totalBytes: Long) : UploadEvent

    public data class Done(val uploaded: UploadedObject) : UploadEvent

    /** Where [failure] is retryable, the same upload collected again goes on from what is safe. */
    public data class Failed(val failure: SluiceException) : UploadEvent
}

public data class UploadedObject(
    val bucket: String,
    val key: String,
    val etag: String,
    val sizeBytes: Long,
    /** CRC-64/XZ of the whole, unsigned; null where it was not computed. */
    val crc64: ULong?,
    val versionId: String,
)

/** Waits for the end: the object, or the failure thrown. */
public suspend fun Flow<UploadEvent>.await(onProgress: (UploadEvent.Progress) -> Unit = {}): UploadedObject {
    var end: UploadEvent? = null
    collect { event -> if (event is UploadEvent.Progress) onProgress(event) else end = event }
    return when (val last = end) {
        is UploadEvent.Done -> last.uploaded
        is UploadEvent.Failed -> throw last.failure
        else -> error("a flow of uploads ended without its end")
    }
}
