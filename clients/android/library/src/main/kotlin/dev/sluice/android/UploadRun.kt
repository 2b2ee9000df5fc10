// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import com.google.protobuf.ByteString
import com.google.protobuf.UnsafeByteOperations
import dev.sluice.upload.v1.Chunk
import dev.sluice.upload.v1.Finish
import dev.sluice.upload.v1.StartUploadRequest
import dev.sluice.upload.v1.UploadRequest
import dev.sluice.upload.v1.UploadResponse
import dev.sluice.upload.v1.UploadedObject as WireObject
import io.grpc.Status.Code
import java.util.UUID
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.produceIn
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import kotlinx.coroutines.withTimeoutOrNull

/** One upload through the gateway, by as many streams as it takes. What each error asks for is in `upload_gateway.proto`. */
internal class UploadRun(
    private val link: GatewayLink,
    private val saved: SavedUploads,
    private val source: UploadSource,
    private val order: UploadOrder,
    private val tell: (UploadEvent.Progress) -> Unit,
) {
    private val total = source.sizeBytes
    private val reader = SourceReader(source)
    private val backoff = Backoff(link.random)

    private lateinit var upload: SavedUpload
    /** The upload is one that an earlier collection began, and nothing was stored by this one. */
    private var foundBegun = false
    private var turn = 0
    private var told = -1L
    private var stored = 0L
    private var lastStored = link.clock.elapsed()
    private var finishSent = false
    private var spoiled = 0
    private var rejectedJwt: String? = null
    private var jwtRejections = 0
    private var messageBytes = FIRST_MESSAGE

    suspend fun untilStored(): UploadedObject {
        try {
            begin()
            while (true) nextStream()?.let { return it }
        } finally {
            withContext(NonCancellable + link.io) { reader.close() }
        }
    }

    /** The object, or null where another stream is to follow. */
    private suspend fun nextStream(): UploadedObject? {
        val network = link.networks.value
        try {
            return attempt(network).also { saved.tryToRemove() }
        } catch (_: NetworkChanged) {
            link.replicas.forEach(Replica::reconnect)
            backoff.reset()
            if (outOfPatience()) throw stalled()
        } catch (failed: SluiceException) {
            val wait = afterFailure(failed)
            if (outOfPatience(wait)) throw failed
            // Another network ends the wait as well as the clock.
            withTimeoutOrNull(wait) { link.networks.first { it != network } }
        }
        return null
    }

    private suspend fun begin() {
        val sorted = order.copy(metadata = order.metadata.toSortedMap(), tags = order.tags.toSortedMap())
        val fingerprint = sha256("${source.identity}\n$total\n$sorted")
        val before = saved.load()
        if (before != null && before.fingerprint == fingerprint) {
            upload = before
            foundBegun = before.uploadId != null
            return
        }
        // What was begun of something else serves nobody.
        before?.let { link.tryToRelease(it) }
        keep(SavedUpload(UUID.randomUUID().toString(), fingerprint))
    }

    private suspend fun attempt(network: Int): UploadedObject = coroutineScope {
        val replica = link.replicas[turn % link.replicas.size]
        val jwt = link.bearer.proof(rejectedJwt)
        rejectedJwt = null
        val watcher = launch {
            link.networks.first { it != network }
            throw NetworkChanged()
        }
        val known = CompletableDeferred<Long>()
        finishSent = false
        // A failure comes behind the answers before it, as one of them: thrown, it would cancel whoever has yet to take those.
        val answers = replica.stub.upload(requests(known), callHeaders(jwt, upload.requestId))
            .map { Result.success(it) }
            .catch { thrown ->
                val failure = sluiceException(thrown) ?: throw thrown
                if (failure.code == Code.UNAUTHENTICATED) rejectedJwt = jwt
                emit(Result.failure(failure))
            }
            .produceIn(this)
        try {
            var made: WireObject? = null
            while (made == null) made = nextAnswer(replica, answers, known)
            uploaded(made)
        } finally {
            watcher.cancel()
            answers.cancel()
        }
    }

    /** Takes one answer; the object where it has one. */
    private suspend fun nextAnswer(replica: Replica, answers: ReceiveChannel<Result<UploadResponse>>, known: CompletableDeferred<Long>): WireObject? {
        val next = withTimeoutOrNull(link.options.silence) { answers.receiveCatching() }
        if (next == null) {
            replica.reconnect()
            throw retryable("SERVICE_SILENT", "the gateway said nothing for ${link.options.silence}")
        }
        if (next.isClosed) throw next.exceptionOrNull() ?: retryable("CLIENT_UNREACHED", "the stream ended without an object")
        val answer = next.getOrThrow().getOrThrow()
        if (answer.started.uploadId.isNotEmpty()) keep(SavedUpload(upload.requestId, upload.fingerprint, answer.started.uploadId))
        onStored(if (answer.hasObject()) answer.`object`.sizeBytes else answer.committedBytes)
        known.complete(answer.committedBytes)
        if (answer.hasObject()) return answer.`object`
        if (outOfPatience()) throw stalled()
        return null
    }

    private fun requests(known: CompletableDeferred<Long>): Flow<UploadRequest> = flow {
        val id = upload.uploadId
        var at = 0L
        if (id == null) {
            emit(UploadRequest.newBuilder().setStart(startMessage()).build())
        } else {
            emit(UploadRequest.newBuilder().setUploadId(id).build())
            // Where to go on is the gateway's to say.
            at = known.await()
        }
        while (at < total) {
            val length = minOf(messageBytes.toLong(), total - at).toInt()
            val bytes = withContext(link.io) {
                reader.seek(at)
                reader.read(length)
            }
            val chunk = Chunk.newBuilder().setOffset(at).setCrc32C(Crc32c.of(bytes)).setData(wrap(bytes))
            val asked = link.clock.elapsed()
            emit(UploadRequest.newBuilder().setChunk(chunk).build())
            pace(link.clock.elapsed() - asked)
            at += length
        }
        while (!reader.summedUp) withContext(link.io) { reader.sumNext() }
        finishSent = true
        emit(UploadRequest.newBuilder().setFinish(Finish.newBuilder().setCrc64(reader.sum)).build())
    }

    private fun startMessage() = StartUploadRequest.newBuilder()
        .setGrant(order.grant)
        .setPath(order.path)
        .setSizeBytes(total)
        .setContentType(order.contentType)
        .putAllMetadata(order.metadata)
        .putAllTags(order.tags)
        .setOverwrite(order.overwrite)
        .setRequestId(upload.requestId)

    // Nobody writes to the array again.
    private fun wrap(bytes: ByteArray): ByteString = UnsafeByteOperations.unsafeWrap(bytes)

    // A message as large as a fifth of a second carries, so that little is sent again. An emit ends once the connection would take more.
    private fun pace(took: Duration) {
        if (took > SLOW) messageBytes = maxOf(SMALLEST_MESSAGE, messageBytes / 2)
        if (took < FAST) messageBytes = minOf(LARGEST_MESSAGE, messageBytes * 2)
    }

    private fun onStored(bytes: Long) {
        if (bytes > stored) {
            stored = bytes
            lastStored = link.clock.elapsed()
            foundBegun = false
            spoiled = 0
            jwtRejections = 0
            backoff.reset()
        }
        if (bytes > told) {
            told = bytes
            tell(UploadEvent.Progress(bytes, total))
        }
    }

    /** How long to wait before the next stream; throws where there shall be none. */
    private suspend fun afterFailure(failed: SluiceException): Duration {
        ++turn
        when (failed.reason) {
            "UPLOAD_NOT_FOUND" -> {
                val anew = foundBegun
                saved.remove()
                if (!anew) throw failed
                foundBegun = false
                keep(SavedUpload(UUID.randomUUID().toString(), upload.fingerprint))
                return Duration.ZERO
            }
            // At the finish it says that a late part of an earlier stream of this very upload was in the way.
            "STREAM_REPLACED" -> if (!finishSent || ++spoiled > MOST_SPOILED) throw failed
            // At the finish it is what is stored already, perhaps of other bytes than the source has now: no going on mends that.
            "CHECKSUM_MISMATCH" -> if (++spoiled > MOST_SPOILED) if (finishSent) forsake(failed) else throw failed
            "OFFSET_GAP" -> Unit
            "SOURCE_CHANGED", "SIZE_EXCEEDED", "SIZE_UNMET" -> forsake(failed)
            else -> {
                if (failed.code == Code.UNAUTHENTICATED && rejectedJwt != null && ++jwtRejections == 1) return Duration.ZERO
                if (failed !is SluiceException.Retryable) throw failed
            }
        }
        val told = (failed as? SluiceException.Retryable)?.retryAfter
        // A replica that has no room says nothing of the others.
        val elsewhere = failed.reason in OF_ONE_REPLICA && turn % link.replicas.size != 0
        return backoff.next(if (elsewhere) null else told)
    }

    /** Ends an upload that cannot become what was asked for, so that the next one begins anew. */
    private suspend fun forsake(failed: SluiceException): Nothing {
        link.tryToRelease(upload)
        saved.remove()
        throw failed
    }

    private suspend fun keep(next: SavedUpload) {
        upload = next
        saved.save(next)
    }

    private fun outOfPatience(after: Duration = Duration.ZERO) = link.clock.elapsed() - lastStored + after >= link.options.patience

    private fun stalled() = retryable("UPLOAD_STALLED", "nothing was stored for ${link.options.patience}")

    private fun retryable(reason: String, message: String) = SluiceException.Retryable(Code.UNAVAILABLE, reason, message)

    private fun uploaded(wire: WireObject) =
        UploadedObject(wire.bucket, wire.key, wire.etag, wire.sizeBytes, wire.crc64.toULong(), wire.versionId)

    private class NetworkChanged : Exception()

    private companion object {
        const val SMALLEST_MESSAGE = 64 * 1024
        const val FIRST_MESSAGE = 256 * 1024
        const val LARGEST_MESSAGE = 1 shl 20
        const val MOST_SPOILED = 3
        val SLOW = 200.milliseconds
        val FAST = 50.milliseconds
        val OF_ONE_REPLICA = setOf("GATEWAY_OVERLOADED", "GATEWAY_DRAINING")
    }
}
