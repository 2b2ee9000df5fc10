import com.google.protobuf.ByteString
import com.google.rpc.ErrorInfo
import com.google.rpc.Status
import dev.sluice.token.v1.Operation
import dev.sluice.token.v1.TokenBrokerGrpcKt.TokenBrokerCoroutineStub
import dev.sluice.token.v1.UrlMethod
import dev.sluice.token.v1.issueTokenRequest
import dev.sluice.token.v1.signUrlRequest
import dev.sluice.upload.v1.UploadGatewayGrpcKt.UploadGatewayCoroutineStub
import dev.sluice.upload.v1.UploadRequest
import dev.sluice.upload.v1.chunk
import dev.sluice.upload.v1.finish
import dev.sluice.upload.v1.getUploadRequest
import dev.sluice.upload.v1.startUploadRequest
import dev.sluice.upload.v1.uploadRequest
import io.grpc.Grpc
import io.grpc.InsecureChannelCredentials
import io.grpc.ManagedChannel
import io.grpc.Metadata
import io.grpc.StatusException
import io.grpc.protobuf.lite.ProtoLiteUtils
import io.grpc.stub.AbstractStub
import io.grpc.stub.MetadataUtils
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.flow.FlowCollector
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.fail
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse
import kotlin.random.Random
import kotlin.time.Duration.Companion.seconds

private const val MIB = 1 shl 20
private const val GATEWAY_AUDIENCE = "sluice-gateway"

/** What `StatusProto` reads from a refusal; written so that it serves protobuf-java and protobuf-javalite alike. */
private val DETAILS: Metadata.Key<Status> =
    Metadata.Key.of("grpc-status-details-bin", ProtoLiteUtils.metadataMarshaller(Status.getDefaultInstance()))

class StubsTest {
    private val channels = mutableListOf<ManagedChannel>()

    @AfterEach
    fun closeChannels() = channels.forEach { it.shutdownNow() }

    @Test
    fun `a token reaches the prefix of its caller only`() = bounded {
        val token = broker("trent").issueToken(issueTokenRequest { operations += Operation.OPERATION_UPLOAD })
        assertTrue(token.credentials.accessKeyId.startsWith("STS."))
        assertEquals("uploads/trent/", token.scope.prefix)
        assertEquals(listOf(Operation.OPERATION_UPLOAD), token.scope.operationsList)
    }

    @Test
    fun `an upload that was cut goes on and every byte arrives`() = bounded {
        val picture = Random(1).nextBytes(6 * MIB + 12345)

        val before = connect("SLUICE_GATEWAY")
        var uploadId = ""
        val acknowledged = UploadGatewayCoroutineStub(before).of("trent", GATEWAY_AUDIENCE).upload(flow {
            emit(uploadRequest {
                start = startUploadRequest {
                    path = "kotlin/cut.jpg"
                    sizeBytes = picture.size.toLong()
                    contentType = "image/jpeg"
                    overwrite = true
                }
            })
            emitBytes(picture, 0, 3 * MIB)
            awaitCancellation()
        }).onEach { if (it.hasStarted()) uploadId = it.started.uploadId }.first { it.committedBytes > 0 }.committedBytes
        before.shutdownNow()

        val gateway = gateway("trent", GATEWAY_AUDIENCE)
        val committed = gateway.getUpload(getUploadRequest { this.uploadId = uploadId }).committedBytes
        assertTrue(committed in acknowledged..3L * MIB, "committed $committed")

        val from = CompletableDeferred<Long>()
        val last = gateway.upload(flow {
            emit(uploadRequest { this.uploadId = uploadId })
            emitBytes(picture, from.await().toInt(), picture.size)
            emit(uploadRequest { finish = finish {} })
        }).onEach { from.complete(it.committedBytes) }.last()
        assertTrue(from.await() >= committed, "goes on from ${from.await()}")
        assertEquals(picture.size.toLong(), last.`object`.sizeBytes)

        assertArrayEquals(picture, download("trent", "kotlin/cut.jpg"))
    }

    @Test
    fun `an upload of somebody else does not exist`() = bounded {
        val started = gateway("trent", GATEWAY_AUDIENCE).startUpload(startUploadRequest { path = "kotlin/mine.jpg" })
        assertEquals("NOT_FOUND UPLOAD_NOT_FOUND", refusal {
            gateway("mallory", GATEWAY_AUDIENCE).getUpload(getUploadRequest { uploadId = started.uploadId })
        })
    }

    @Test
    fun `a token for another service is refused`() = bounded {
        assertEquals("UNAUTHENTICATED TOKEN_REJECTED", refusal {
            gateway("trent", "sluice").startUpload(startUploadRequest { path = "kotlin/no.jpg" })
        })
    }

    private fun bounded(claim: suspend () -> Unit) = runBlocking { withTimeout(120.seconds) { claim() } }

    private fun broker(subject: String) = TokenBrokerCoroutineStub(connect("SLUICE_BROKER")).of(subject, "sluice")

    private fun gateway(subject: String, audience: String) =
        UploadGatewayCoroutineStub(connect("SLUICE_GATEWAY")).of(subject, audience)

    private fun connect(variable: String): ManagedChannel =
        Grpc.newChannelBuilder(System.getenv(variable), InsecureChannelCredentials.create()).build().also { channels += it }

    private fun <S : AbstractStub<S>> S.of(subject: String, audience: String): S {
        val jwt = String(get(System.getenv("SLUICE_IDENTITY") + "/token?subject=$subject&audience=$audience")).trim()
        val proof = Metadata().apply { put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer $jwt") }
        return withInterceptors(MetadataUtils.newAttachHeadersInterceptor(proof))
    }

    private suspend fun FlowCollector<UploadRequest>.emitBytes(bytes: ByteArray, from: Int, to: Int) {
        for (at in from until to step MIB) {
            emit(uploadRequest {
                chunk = chunk {
                    offset = at.toLong()
                    data = ByteString.copyFrom(bytes, at, minOf(MIB, to - at))
                }
            })
        }
    }

    private suspend fun download(subject: String, path: String): ByteArray =
        get(broker(subject).signUrl(signUrlRequest {
            this.path = path
            method = UrlMethod.URL_METHOD_GET
        }).getUrls(0).url)

    private fun get(url: String): ByteArray {
        val answer = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI(url)).build(), HttpResponse.BodyHandlers.ofByteArray())
        assertEquals(200, answer.statusCode())
        return answer.body()
    }

    /** The code and the reason of the refusal that a call must meet. */
    private suspend fun refusal(call: suspend () -> Any): String {
        try {
            call()
        } catch (refused: StatusException) {
            val detail = refused.trailers!!.get(DETAILS)!!.getDetails(0)
            assertEquals("type.googleapis.com/google.rpc.ErrorInfo", detail.typeUrl)
            val info = ErrorInfo.parseFrom(detail.value)
            assertEquals("sluice", info.domain)
            return "${refused.status.code} ${info.reason}"
        }
        fail("it was not refused")
    }
}
