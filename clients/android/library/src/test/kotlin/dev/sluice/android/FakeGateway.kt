// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.upload.v1.AbortUploadRequest
import dev.sluice.upload.v1.AbortUploadResponse
import dev.sluice.upload.v1.Chunk
import dev.sluice.upload.v1.StartUploadRequest
import dev.sluice.upload.v1.StartUploadResponse
import dev.sluice.upload.v1.UploadGatewayGrpcKt.UploadGatewayCoroutineImplBase
import dev.sluice.upload.v1.UploadRequest
import dev.sluice.upload.v1.UploadResponse
import dev.sluice.upload.v1.UploadedObject as WireObject
import io.grpc.ManagedChannel
import io.grpc.Metadata
import io.grpc.Server
import io.grpc.ServerCall
import io.grpc.ServerCallHandler
import io.grpc.ServerInterceptor
import io.grpc.Status.Code
import io.grpc.inprocess.InProcessChannelBuilder
import io.grpc.inprocess.InProcessServerBuilder
import java.io.ByteArrayOutputStream
import java.util.UUID
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.ConcurrentLinkedQueue
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

/**
 * A gateway that stores every chunk at once, keeps the promises of the proto, checks each CRC, and does on order what real ones do in
 * trouble: each stream takes the next of [trouble], and none when there is no more.
 */
class FakeGateway : UploadGatewayCoroutineImplBase(), AutoCloseable {
    sealed interface Trouble {
        /** Ends the stream once so many bytes are stored; before anything is read where 0. */
        data class Fail(val afterBytes: Int, val how: Exception) : Trouble

        /** Ends the stream in the place of the answer to `finish`. */
        data class AtFinish(val how: Exception, val stored: Boolean = false) : Trouble

        /** Says nothing at all. */
        data object Silence : Trouble

        /** Takes no message after the first chunk. */
        data object NoReading : Trouble
    }

    val trouble = ConcurrentLinkedQueue<Trouble>()
    val starts = CopyOnWriteArrayList<StartUploadRequest>()
    val opened = CopyOnWriteArrayList<String>()
    val aborted = CopyOnWriteArrayList<String>()
    val headers = CopyOnWriteArrayList<Metadata>()
    val chunkOffsets = CopyOnWriteArrayList<Long>()
    @Volatile var finished: ByteArray? = null
    @Volatile private var id = ""
    private val bytes = ByteArrayOutputStream()

    private val name = UUID.randomUUID().toString()
    private val server: Server = InProcessServerBuilder.forName(name).addService(this).intercept(object : ServerInterceptor {
        override fun <Q, A> interceptCall(call: ServerCall<Q, A>, with: Metadata, next: ServerCallHandler<Q, A>): ServerCall.Listener<Q> {
            headers += with
            return next.startCall(call, with)
        }
    }).build().start()
    val channel: ManagedChannel = InProcessChannelBuilder.forName(name).build()

    /** As an upload that another process began. */
    fun begun(uploadId: String, head: ByteArray) {
        id = uploadId
        bytes.write(head)
    }

    override fun close() {
        channel.shutdownNow()
        server.shutdownNow()
    }

    override fun upload(requests: Flow<UploadRequest>): Flow<UploadResponse> = flow {
        val order = trouble.poll()
        if (order is Trouble.Silence) awaitCancellation()
        if (order is Trouble.Fail && order.afterBytes == 0) throw order.how
        requests.collect { request ->
            when (request.messageCase) {
                UploadRequest.MessageCase.START -> {
                    starts += request.start
                    if (id.isEmpty() || bytes.size() == 0) id = "id-${starts.size}-secret"
                    emit(answer().setStarted(StartUploadResponse.newBuilder().setUploadId(id)).build())
                }
                UploadRequest.MessageCase.UPLOAD_ID -> {
                    opened += request.uploadId
                    if (request.uploadId != id) throw refusal(Code.NOT_FOUND, "UPLOAD_NOT_FOUND")
                    emit(answer().build())
                }
                UploadRequest.MessageCase.CHUNK -> {
                    take(request.chunk)
                    emit(answer().build())
                    if (order is Trouble.NoReading) awaitCancellation()
                    if (order is Trouble.Fail && bytes.size() >= order.afterBytes) throw order.how
                }
                UploadRequest.MessageCase.FINISH -> {
                    if (request.finish.crc64 != Crc64.of(bytes.toByteArray())) throw refusal(Code.DATA_LOSS, "CHECKSUM_MISMATCH")
                    if (order is Trouble.AtFinish) {
                        if (order.stored) finished = bytes.toByteArray()
                        throw order.how
                    }
                    finished = bytes.toByteArray()
                    emit(answer().setObject(stored()).build())
                }
                else -> error("an empty message")
            }
        }
    }

    override suspend fun abortUpload(request: AbortUploadRequest): AbortUploadResponse {
        aborted += request.uploadId
        return AbortUploadResponse.getDefaultInstance()
    }

    private fun answer() = UploadResponse.newBuilder().setCommittedBytes(bytes.size().toLong())

    private fun take(chunk: Chunk) {
        val data = chunk.data.toByteArray()
        if (chunk.crc32C != Crc32c.of(data)) throw refusal(Code.DATA_LOSS, "CHECKSUM_MISMATCH")
        chunkOffsets += chunk.offset
        val known = bytes.size() - chunk.offset
        if (known < 0) throw refusal(Code.OUT_OF_RANGE, "OFFSET_GAP")
        if (known < data.size) bytes.write(data, known.toInt(), data.size - known.toInt())
    }

    private fun stored() = WireObject.newBuilder().setBucket("sluice-demo").setKey("uploads/alice/cat.jpg").setEtag("\"1\"")
        .setSizeBytes(bytes.size().toLong()).setCrc64(Crc64.of(bytes.toByteArray()))
}
