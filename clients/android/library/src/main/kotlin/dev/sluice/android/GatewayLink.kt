// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.upload.v1.AbortUploadRequest
import io.grpc.stub.MetadataUtils
import java.util.concurrent.TimeUnit
import kotlin.random.Random
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.StateFlow

/** What every upload of one uploader shares. */
internal class GatewayLink(
    val replicas: List<Replica>,
    val bearer: BearerSource,
    val options: UploadOptions,
    val clock: DeviceClock,
    val random: Random,
    val io: CoroutineDispatcher,
    /** Another number whenever the phone has another network. */
    val networks: StateFlow<Int>,
) {
    /** Frees what an upload has in OSS. */
    suspend fun release(upload: SavedUpload, attempts: Int = 4) {
        val id = upload.uploadId ?: return
        val backoff = Backoff(random)
        val request = AbortUploadRequest.newBuilder().setUploadId(id).build()
        for (attempt in 1..attempts) {
            try {
                bearer.proving { jwt ->
                    replicas[attempt % replicas.size].stub
                        .withDeadlineAfter(10, TimeUnit.SECONDS)
                        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(callHeaders(jwt, upload.requestId)))
                        .abortUpload(request)
                }
                return
            } catch (failed: SluiceException) {
                if (failed.reason == "UPLOAD_NOT_FOUND") return
                if (failed !is SluiceException.Retryable || attempt == attempts) throw failed
                delay(backoff.next(failed.retryAfter))
            }
        }
    }

    /** The same where it does not matter if it cannot be done: what is left expires by itself. */
    suspend fun tryToRelease(upload: SavedUpload) {
        try {
            release(upload, attempts = 1)
        } catch (_: SluiceException) {
            return
        }
    }
}
