// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.token.v1.IssueTokenRequest
import dev.sluice.token.v1.Operation
import dev.sluice.upload.v1.GetUploadRequest
import dev.sluice.upload.v1.UploadGatewayGrpcKt.UploadGatewayCoroutineStub
import io.grpc.ManagedChannel
import io.grpc.stub.MetadataUtils
import java.awt.image.BufferedImage
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.File
import java.nio.file.Path
import javax.imageio.ImageIO
import kotlin.random.Random
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable
import org.junit.jupiter.api.io.TempDir

/** Against the release programs; inside `tests/outside/with_services.sh`. */
@EnabledIfEnvironmentVariable(named = Services.NEEDED, matches = ".+")
class ServicesTest {
    @TempDir
    lateinit var directory: Path

    private val opened = mutableListOf<AutoCloseable>()
    private val size = 12 * 1024 * 1024 + 345
    private val bytes = Random(9).nextBytes(size)

    @AfterTest
    fun close() = opened.forEach(AutoCloseable::close)

    private fun proxy() = TcpProxy(Services.gateway).also(opened::add)
    private fun channel(address: String): ManagedChannel = plaintextChannel(address).also { opened += AutoCloseable { it.shutdownNow() } }
    private fun broker(subject: String) = TokenBroker(channel(Services.broker), Services.toBroker(subject), 30.seconds)
    private fun store() = FileUploadStore(directory.resolve("uploads").toFile())
    private fun file(content: ByteArray = bytes): File = directory.resolve("source").toFile().apply { if (!exists()) writeBytes(content) }

    private fun uploader(subject: String, vararg addresses: String) =
        GatewayUploader(addresses.map(::channel), Services.toGateway(subject), store())

    private fun stored(subject: String, path: String): ByteArray = runBlocking { Services.http(broker(subject).viewUrl(path, grant = "photos")) }

    private fun <T> within(work: suspend () -> T): T = runBlocking { withTimeout(2.minutes) { work() } }

    @Test
    fun `what is uploaded is what OSS has, and its end is told once`() {
        val order = UploadOrder("a/cat.bin", grant = "photos")
        val events = within { uploader("kotlin1", Services.gateway).upload("u", FileSource(file()), order).toList() }

        val uploaded = assertIs<UploadEvent.Done>(events.last(), "$events").uploaded
        assertEquals(1, events.count { it !is UploadEvent.Progress })
        assertEquals("uploads/kotlin1/a/cat.bin", uploaded.key)
        assertEquals(Crc64.of(bytes).toULong(), uploaded.crc64)
        assertContentEquals(bytes, stored("kotlin1", "a/cat.bin"))
    }

    @Test
    fun `a small file and an empty one arrive too`() {
        for ((path, content) in listOf("small.txt" to "from kotlin".toByteArray(), "empty.txt" to ByteArray(0))) {
            val source = directory.resolve(path).toFile().apply { writeBytes(content) }
            within { uploader("kotlin2", Services.gateway).upload(path, FileSource(source), UploadOrder(path, "text/plain", "photos")).await() }
            assertContentEquals(content, stored("kotlin2", path))
        }
    }

    @Test
    fun `a connection that is reset midway, twice, costs little and loses nothing`() {
        val network = proxy()
        network.cutAfter(3_000_000)
        val uploader = uploader("kotlin3", network.address)

        var cutAgain = false
        within {
            uploader.upload("u", FileSource(file()), UploadOrder("cut.bin", grant = "photos")).await {
                if (it.committedBytes > 5_000_000 && !cutAgain) {
                    cutAgain = true
                    network.cutAfter(network.bytesUp.get() + 500_000)
                }
            }
        }

        assertContentEquals(bytes, stored("kotlin3", "cut.bin"))
        assertTrue(network.connections.get() >= 2, "${network.connections} connections")
        // What was under way at a cut: 8 MiB of parts at most, twice.
        assertTrue(network.bytesUp.get() < size + 2 * 9 * 1024 * 1024, "${network.bytesUp} bytes were sent")
    }

    @Test
    fun `a process that died is followed by another that goes on from its saved file`() {
        val first = proxy().apply { holdAfter(9_000_000) }
        within {
            uploader("kotlin4", first.address).upload("u", FileSource(file()), UploadOrder("died.bin", grant = "photos"))
                .first { it is UploadEvent.Progress && it.committedBytes >= 4_000_000 }
        }
        val saved = assertNotNull(store().load("u"))
        assertNotNull(saved.uploadId)

        // New objects, another connection, another JWT: all there is of the old process is the file.
        val second = proxy()
        val order = UploadOrder("died.bin", grant = "photos")
        val events = within { uploader("kotlin4", second.address).upload("u", FileSource(file()), order).toList() }

        assertIs<UploadEvent.Done>(events.last(), "$events")
        assertContentEquals(bytes, stored("kotlin4", "died.bin"))
        assertTrue(second.bytesUp.get() < size - 3_000_000, "${second.bytesUp} of $size bytes were sent again")
        assertNull(store().load("u"))
    }

    @Test
    fun `where one address is dead the other is used`() {
        val dead = proxy().apply { close() }
        val order = UploadOrder("two.bin", grant = "photos")
        within { uploader("kotlin5", dead.address, Services.gateway).upload("u", FileSource(file()), order).await() }
        assertContentEquals(bytes, stored("kotlin5", "two.bin"))
    }

    @Test
    fun `a phone that changes its network goes on over the new one at once`() {
        val network = proxy()
        network.freezeAfter(5_000_000)
        val uploader = uploader("kotlin6", network.address)

        val began = TimeSource.Monotonic.markNow()
        within {
            coroutineScope {
                launch(Dispatchers.IO) {
                    assertTrue(network.awaitFrozen(1.minutes))
                    uploader.networkChanged()
                }
                uploader.upload("u", FileSource(file()), UploadOrder("roam.bin", grant = "photos")).await()
            }
        }

        assertTrue(network.connections.get() >= 2, "${network.connections} connections")
        assertTrue(began.elapsedNow() < UploadOptions().silence, "the silence of the old network was waited for")
        assertContentEquals(bytes, stored("kotlin6", "roam.bin"))
    }

    @Test
    fun `what is cancelled and aborted exists no more, here and there`() {
        val uploader = uploader("kotlin7", proxy().apply { holdAfter(5_000_000) }.address, Services.gateway)
        within {
            uploader.upload("u", FileSource(file()), UploadOrder("gone.bin", grant = "photos"))
                .first { it is UploadEvent.Progress && it.committedBytes > 0 }
        }
        val id = assertNotNull(store().load("u")?.uploadId)

        within {
            uploader.abort("u")
            uploader.abort("u")
        }

        assertNull(store().load("u"))
        val stub = UploadGatewayCoroutineStub(channel(Services.gateway)).withInterceptors(
            MetadataUtils.newAttachHeadersInterceptor(callHeaders(Services.jwt("kotlin7", "sluice-gateway"), null)),
        )
        val gone = runBlocking { runCatching { stub.getUpload(GetUploadRequest.newBuilder().setUploadId(id).build()) } }
        assertEquals("UPLOAD_NOT_FOUND", sluiceException(gone.exceptionOrNull()!!)!!.reason)
    }

    @Test
    fun `another user's saved upload is not gone on with`() {
        within {
            uploader("kotlin8a", proxy().apply { holdAfter(5_000_000) }.address).upload("u", FileSource(file()), UploadOrder("mine.bin", grant = "photos"))
                .first { it is UploadEvent.Progress && it.committedBytes > 0 }
        }

        val order = UploadOrder("mine.bin", grant = "photos")
        val uploaded = within { uploader("kotlin8b", Services.gateway).upload("u", FileSource(file()), order).await() }

        assertEquals("uploads/kotlin8b/mine.bin", uploaded.key)
    }

    @Test
    fun `refusals come typed, with the reason`() {
        fun refusal(uploader: GatewayUploader, order: UploadOrder): SluiceException {
            val events = within { uploader.upload("refused", FileSource(file()), order).toList() }
            return assertIs<UploadEvent.Failed>(events.single { it !is UploadEvent.Progress }, "$events").failure
        }
        val mine = uploader("kotlin9", Services.gateway)
        val order = UploadOrder("x.bin", grant = "photos")

        assertEquals("PATH_INVALID", refusal(mine, order.copy(path = "../bob/x.bin")).reason)
        assertEquals("GRANT_NOT_HELD", refusal(mine, order.copy(grant = "editors")).reason)
        val wrongAudience = GatewayUploader(listOf(channel(Services.gateway)), Services.toBroker("kotlin9"), store())
        val rejected = assertIs<SluiceException.Fatal>(refusal(wrongAudience, order))
        assertEquals("TOKEN_REJECTED", rejected.reason)
        assertNotNull(rejected.requestId)

        within { mine.upload("first", FileSource(file()), order).await() }
        assertEquals("OBJECT_EXISTS", refusal(mine, order.copy(overwrite = false)).reason)
    }

    @Test
    fun `fifty who want a token make one call, by the broker's own audit`() {
        val tokens = TokenProvider(broker("kotlin10"), IssueTokenRequest.newBuilder().setGrant("photos").build())
        opened += tokens

        val got = within { coroutineScope { List(50) { async { tokens.token() } }.awaitAll() } }

        assertEquals(1, got.toSet().size)
        assertEquals("uploads/kotlin10/", got.first().scope.prefix)
        val lines = Services.auditOf("kotlin10")
        assertEquals(1, lines.size, "$lines")
        assertFalse(lines.single().contains(got.first().securityToken))
    }

    @Test
    fun `a token narrower than the grant, or refused, comes as it was asked for`() {
        val request = IssueTokenRequest.newBuilder().setGrant("photos").setPath("a/b.jpg").addOperations(Operation.OPERATION_UPLOAD).build()
        val token = within { TokenProvider(broker("kotlin11"), request).also(opened::add).token() }
        assertEquals("uploads/kotlin11/a/b.jpg", token.scope.key)
        assertEquals(listOf(Operation.OPERATION_UPLOAD), token.scope.operationsList)

        val nobody = TokenProvider(TokenBroker(channel(Services.broker), { null })).also(opened::add)
        assertEquals("TOKEN_MISSING", assertFailsWith<SluiceException.Fatal> { within { nobody.token() } }.reason)
    }

    @Test
    fun `a broker that cannot be reached is a retryable failure, and the next call finds it again`() {
        val dead = TcpProxy(Services.broker).apply { close() }
        val tokens = TokenProvider(TokenBroker(channel(dead.address), Services.toBroker("kotlin12")), options = TokenOptions(patience = 1.seconds))
        opened += tokens
        assertEquals("CLIENT_UNREACHED", assertFailsWith<SluiceException.Retryable> { within { tokens.token() } }.reason)
    }

    @Test
    fun `a picture is shown smaller, and with a line of text on it`() {
        val picture = BufferedImage(400, 300, BufferedImage.TYPE_INT_RGB).apply {
            for (x in 0 until width) for (y in 0 until height) setRGB(x, y, 0xFFFFFF)
        }
        val png = ByteArrayOutputStream().also { ImageIO.write(picture, "png", it) }.toByteArray()
        within { uploader("kotlin13", Services.gateway).upload("u", FileSource(file(png)), UploadOrder("white.png", "image/png", "photos")).await() }

        val broker = broker("kotlin13")
        fun shown(process: ImageProcess) =
            ImageIO.read(ByteArrayInputStream(within { Services.http(broker.viewUrl("white.png", process, "photos")) }))
        val small = shown(ImageProcess().resize(100))
        val marked = shown(ImageProcess().resize(200).watermark("(c) Kotlin", 20))

        assertEquals(100 to 75, small.width to small.height)
        assertEquals(200, marked.width)
        fun dark(image: BufferedImage) =
            (0 until image.width).sumOf { x -> (0 until image.height).count { y -> image.getRGB(x, y) and 0xFF < 0x60 } }
        assertEquals(0, dark(small))
        assertTrue(dark(marked) > 20, "no watermark on a white picture")
    }

    @Test
    fun `OSS in trouble is waited for`() {
        Services.arm("service=oss&operation=part&key=kotlin14&kind=error&value=503&count=4")
        Services.arm("service=oss&operation=complete&key=kotlin14&kind=lost&count=1")
        within { uploader("kotlin14", Services.gateway).upload("u", FileSource(file()), UploadOrder("late.bin", grant = "photos")).await() }
        assertContentEquals(bytes, stored("kotlin14", "late.bin"))
    }
}
