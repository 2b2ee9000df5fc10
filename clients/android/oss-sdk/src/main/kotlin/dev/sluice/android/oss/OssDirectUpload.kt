// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android.oss

import com.alibaba.sdk.android.oss.ClientException
import com.alibaba.sdk.android.oss.OSS
import com.alibaba.sdk.android.oss.ServiceException
import com.alibaba.sdk.android.oss.callback.OSSCompletedCallback
import com.alibaba.sdk.android.oss.internal.OSSAsyncTask
import com.alibaba.sdk.android.oss.model.CompleteMultipartUploadResult
import com.alibaba.sdk.android.oss.model.OSSRequest
import com.alibaba.sdk.android.oss.model.OSSResult
import com.alibaba.sdk.android.oss.model.ObjectMetadata
import com.alibaba.sdk.android.oss.model.PutObjectRequest
import com.alibaba.sdk.android.oss.model.PutObjectResult
import com.alibaba.sdk.android.oss.model.ResumableUploadRequest
import dev.sluice.android.Backoff
import dev.sluice.android.DeviceClock
import dev.sluice.android.DirectUpload
import dev.sluice.android.SluiceException
import dev.sluice.android.Token
import dev.sluice.android.TokenProvider
import dev.sluice.android.UploadEvent
import dev.sluice.android.UploadOptions
import dev.sluice.android.UploadOrder
import dev.sluice.android.UploadedObject
import dev.sluice.token.v1.Scope
import io.grpc.Status.Code
import java.io.File
import java.net.URLEncoder
import kotlin.coroutines.cancellation.CancellationException
import kotlin.random.Random
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.isActive
import kotlinx.coroutines.runInterruptible
import kotlinx.coroutines.selects.select
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull

/**
 * Puts files with the stock OSS SDK and tokens of the broker: up to [PART_BYTES] as one PutObject, larger ones as a multipart upload that
 * goes on where it was cut, also in another process, by what the SDK keeps in [records]. The grant of an order is that of [tokens].
 *
 * Of a small file progress tells what was sent; of a large one, the parts that are stored.
 */
public class OssDirectUpload(
    private val tokens: TokenProvider,
    /** A directory of the app's own, best below `noBackupFilesDir`. */
    private val records: File,
    /** A part of a slow phone takes minutes, and the SDK tells of whole ones only. */
    private val options: UploadOptions = UploadOptions(silence = 5.minutes),
    private val clock: DeviceClock = DeviceClock.System,
    private val random: Random = Random.Default,
    private val io: CoroutineDispatcher = Dispatchers.IO,
    /** The SDK's client for a scope: `{ ossClient(context, credentials, it) }`. */
    private val client: (Scope) -> OSS,
) : DirectUpload {
    private val clients = mutableMapOf<String, OSS>()

    override fun upload(file: File, order: UploadOrder): Flow<UploadEvent> = channelFlow<UploadEvent> {
        val end = try {
            UploadEvent.Done(Run(file, order) { trySend(it) }.untilStored())
        } catch (failed: SluiceException) {
            UploadEvent.Failed(failed)
        } catch (failed: Exception) {
            if (failed is CancellationException && !isActive) throw failed
            UploadEvent.Failed(SluiceException.Fatal(Code.INTERNAL, "CLIENT_FAULT", "the upload failed by a mistake", cause = failed))
        }
        send(end)
    }.buffer(Channel.CONFLATED)

    private fun clientFor(scope: Scope): OSS = synchronized(clients) {
        clients.getOrPut("${scope.endpoint} ${scope.region}") { client(scope) }
    }

    private inner class Run(private val file: File, private val order: UploadOrder, private val tell: (UploadEvent.Progress) -> Unit) {
        private val total = file.length()
        private val backoff = Backoff(random)
        private var told = -1L
        private var lastProgress = clock.elapsed()
        private var refusals = 0

        suspend fun untilStored(): UploadedObject {
            if (!file.canRead()) throw SluiceException.Fatal(Code.ABORTED, "SOURCE_UNREADABLE", "the file cannot be read")
            while (true) {
                val token = tokens.token()
                try {
                    return attempt(token)
                } catch (failed: SluiceException) {
                    if (failed.reason == TOKEN_REFUSED && ++refusals == 1) {
                        tokens.invalidate(token)
                        continue
                    }
                    if (failed !is SluiceException.Retryable) throw failed
                    val wait = backoff.next(failed.retryAfter)
                    if (clock.elapsed() - lastProgress + wait >= options.patience) throw failed
                    delay(wait)
                }
            }
        }

        private suspend fun attempt(token: Token): UploadedObject {
            val oss = withContext(io) { clientFor(token.scope) }
            val key = if (token.scope.targetCase == Scope.TargetCase.KEY) token.scope.key else token.scope.prefix + order.path
            val ended = CompletableDeferred<OSSResult>()
            val sent = Channel<Long>(Channel.CONFLATED)
            val task = withContext(io) {
                if (total <= PART_BYTES) put(oss, token.scope.bucket, key, ended, sent) else resume(oss, token.scope.bucket, key, ended, sent)
            }
            try {
                while (!ended.isCompleted) {
                    withTimeoutOrNull(options.silence) {
                        select<Unit> {
                            ended.onJoin { }
                            sent.onReceive { onProgress(it) }
                        }
                    } ?: throw SluiceException.Retryable(Code.UNAVAILABLE, "SERVICE_SILENT", "the OSS SDK said nothing for ${options.silence}")
                }
                return uploaded(token.scope.bucket, key, ended.await()).also { onProgress(total) }
            } finally {
                task.cancel()
                // Two of the SDK's tasks must not share a record; one that does not end is left behind.
                withContext(NonCancellable) { withTimeoutOrNull(5.seconds) { runInterruptible(io) { task.waitUntilFinished() } } }
            }
        }

        private fun put(oss: OSS, bucket: String, key: String, ended: CompletableDeferred<OSSResult>, sent: Channel<Long>): OSSAsyncTask<*> {
            val request = PutObjectRequest(bucket, key, file.path, metadata())
            request.setProgressCallback { _, current, _ -> sent.trySend(current) }
            return oss.asyncPutObject(request, completing(ended))
        }

        private fun resume(oss: OSS, bucket: String, key: String, ended: CompletableDeferred<OSSResult>, sent: Channel<Long>): OSSAsyncTask<*> {
            records.mkdirs()
            val request = ResumableUploadRequest(bucket, key, file.path, metadata(), records.path)
            request.setDeleteUploadOnCancelling(false)
            request.partSize = maxOf(PART_BYTES, (total / MOST_PARTS / 4096 + 1) * 4096)
            request.setProgressCallback { _, current, _ -> sent.trySend(current) }
            return oss.asyncResumableUpload(request, completing(ended))
        }

        private fun metadata() = ObjectMetadata().apply {
            contentType = order.contentType
            order.metadata.forEach { (name, value) -> addUserMetadata("x-oss-meta-$name", value) }
            val tags = order.tags.entries.joinToString("&") { "${encoded(it.key)}=${encoded(it.value)}" }
            if (tags.isNotEmpty()) setHeader("x-oss-tagging", tags)
            if (!order.overwrite) setHeader("x-oss-forbid-overwrite", "true")
        }

        private fun onProgress(bytes: Long) {
            if (bytes <= told) return
            told = bytes
            lastProgress = clock.elapsed()
            backoff.reset()
            refusals = 0
            tell(UploadEvent.Progress(bytes, total))
        }

        private fun uploaded(bucket: String, key: String, result: OSSResult) = UploadedObject(
            bucket,
            key,
            when (result) {
                is PutObjectResult -> result.eTag
                is CompleteMultipartUploadResult -> result.eTag
                else -> ""
            },
            total,
            result.serverCRC?.toULong(),
            result.responseHeader?.get("x-oss-version-id").orEmpty(),
        )
    }

    private fun <Q : OSSRequest, A : OSSResult> completing(ended: CompletableDeferred<OSSResult>) = object : OSSCompletedCallback<Q, A> {
        override fun onSuccess(request: Q, result: A) {
            ended.complete(result)
        }

        override fun onFailure(request: Q, atClient: ClientException?, atService: ServiceException?) {
            ended.completeExceptionally(ossFailure(atClient ?: atService ?: ClientException("the SDK failed and did not say why")))
        }
    }

    public companion object {
        /** Of a part, and the most that is sent as one PutObject; parts of very large files are larger. */
        public const val PART_BYTES: Long = 1L shl 20
        private const val MOST_PARTS = 9_000

        private fun encoded(text: String) = URLEncoder.encode(text, "UTF-8").replace("+", "%20")
    }
}
