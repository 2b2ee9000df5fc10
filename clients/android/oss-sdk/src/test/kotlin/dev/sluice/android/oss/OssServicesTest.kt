// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android.oss

import com.alibaba.sdk.android.oss.ClientException
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import dev.sluice.android.BearerSource
import dev.sluice.android.Services
import dev.sluice.android.SluiceException
import dev.sluice.android.TcpProxy
import dev.sluice.android.TokenBroker
import dev.sluice.android.TokenIssuer
import dev.sluice.android.TokenProvider
import dev.sluice.android.UploadEvent
import dev.sluice.android.UploadOptions
import dev.sluice.android.UploadOrder
import dev.sluice.android.await
import dev.sluice.android.plaintextChannel
import dev.sluice.token.v1.IssueTokenRequest
import dev.sluice.token.v1.Operation
import java.io.File
import java.nio.file.Path
import java.util.concurrent.Executors
import kotlin.random.Random
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable
import org.junit.jupiter.api.io.TempDir

/** The unmodified classes of the stock OSS SDK with our tokens, against the release programs. */
@EnabledIfEnvironmentVariable(named = Services.NEEDED, matches = ".+")
class OssServicesTest {
    @TempDir
    lateinit var directory: Path

    private val opened = mutableListOf<AutoCloseable>()
    private val context = PlainContext()
    private val large = Random(11).nextBytes(7 * 1024 * 1024 + 99)

    @AfterTest
    fun close() = opened.forEach(AutoCloseable::close)

    private fun broker(subject: String, bearer: BearerSource = Services.toBroker(subject)): TokenBroker {
        val channel = plaintextChannel(Services.broker).also { opened += AutoCloseable { it.shutdownNow() } }
        return TokenBroker(channel, bearer, 30.seconds)
    }

    private fun tokens(issuer: TokenIssuer, vararg operations: Operation): TokenProvider {
        val request = IssueTokenRequest.newBuilder().setGrant("photos").addAllOperations(operations.toList()).build()
        return TokenProvider(issuer, request).also(opened::add)
    }

    private fun direct(tokens: TokenProvider, options: UploadOptions = UploadOptions(silence = 2.minutes)): OssDirectUpload {
        val credentials = SluiceCredentialProvider(tokens)
        return OssDirectUpload(tokens, directory.resolve("records").toFile(), options) { ossClient(context, credentials, it) }
    }

    private fun file(content: ByteArray): File = directory.resolve("source.bin").toFile().apply { writeBytes(content); setLastModified(1_000_000) }

    private fun stored(subject: String, path: String): ByteArray = runBlocking { Services.http(broker(subject).viewUrl(path, grant = "photos")) }

    private fun <T> within(work: suspend () -> T): T = runBlocking { withTimeout(2.minutes) { work() } }

    private fun calls(key: String, operation: String): JsonObject =
        JsonParser.parseString(Services.stats(key)).asJsonObject.getAsJsonObject("oss").getAsJsonObject(operation)

    @Test
    fun `the SDK's provider gives our token, and many threads make one call`() {
        val credentials = SluiceCredentialProvider(tokens(broker("droid1")))

        val pool = Executors.newFixedThreadPool(8)
        val got = List(8) { pool.submit<String> { credentials.validFederationToken.tempAK } }.map { it.get() }
        pool.shutdown()

        assertEquals(1, got.toSet().size)
        assertTrue(got.first().startsWith("STS."))
        assertEquals(1, Services.auditOf("droid1").size)
    }

    @Test
    fun `the SDK hears why there is no token`() {
        val credentials = SluiceCredentialProvider(tokens(broker("droid2") { null }))
        val failed = assertFailsWith<ClientException> { credentials.federationToken }
        assertEquals("TOKEN_MISSING", assertIs<SluiceException.Fatal>(failed.cause).reason)
    }

    @Test
    fun `a small file is put, checked, and its end told once`() {
        val text = "from kotlin, by the stock SDK".toByteArray()
        val order = UploadOrder("small.txt", "text/plain", metadata = mapOf("colour" to "blue"))

        val events = within { direct(tokens(broker("droid3"))).upload(file(text), order).toList() }

        val uploaded = assertIs<UploadEvent.Done>(events.last(), "$events").uploaded
        assertEquals(1, events.count { it !is UploadEvent.Progress })
        assertEquals("uploads/droid3/small.txt", uploaded.key)
        assertTrue(uploaded.crc64 != null && uploaded.etag.isNotEmpty())
        assertContentEquals(text, stored("droid3", "small.txt"))
    }

    @Test
    fun `a large file that was cancelled is finished by another object with the same multipart upload`() {
        val source = file(large)
        // Slow parts, so that the first run cannot end before it is cancelled.
        Services.arm("service=oss&operation=part&key=droid4&kind=latency&value=400ms")
        within {
            direct(tokens(broker("droid4"))).upload(source, UploadOrder("large.bin"))
                .first { it is UploadEvent.Progress && it.committedBytes >= 2 * OssDirectUpload.PART_BYTES }
        }

        val events = within { direct(tokens(broker("droid4"))).upload(source, UploadOrder("large.bin")).toList() }

        assertIs<UploadEvent.Done>(events.last(), "$events")
        assertContentEquals(large, stored("droid4", "large.bin"))
        assertEquals(1, calls("uploads/droid4/large.bin", "initiate")["calls"].asInt)
        val sent = calls("uploads/droid4/large.bin", "part")["bytes_in"].asLong
        assertTrue(sent < large.size * 3L / 2, "$sent bytes of parts for ${large.size}")
    }

    @Test
    fun `what the token does not reach is refused, typed`() {
        val readOnly = direct(tokens(broker("droid5"), Operation.OPERATION_DOWNLOAD))
        val events = within { readOnly.upload(file("x".toByteArray()), UploadOrder("x.txt")).toList() }

        val failure = assertIs<SluiceException.Fatal>(assertIs<UploadEvent.Failed>(events.single { it !is UploadEvent.Progress }, "$events").failure)
        assertEquals("OSS_REFUSED", failure.reason)
        assertEquals("AccessDenied", failure.metadata["oss_code"])
    }

    @Test
    fun `an object that is there is not replaced unless it may be`() {
        val direct = direct(tokens(broker("droid6")))
        val order = UploadOrder("once.txt", overwrite = false)
        within { direct.upload(file("first".toByteArray()), order).await() }

        val failed = assertFailsWith<SluiceException.Fatal> { within { direct.upload(file("second".toByteArray()), order).await() } }

        assertEquals("OBJECT_EXISTS", failed.reason)
        assertContentEquals("first".toByteArray(), stored("droid6", "once.txt"))
    }

    @Test
    fun `a token that OSS no longer knows is replaced once`() {
        val real = broker("droid7")
        var calls = 0
        val tokens = tokens({ request ->
            val answer = real.issueToken(request)
            if (++calls > 1) answer else answer.toBuilder().setCredentials(answer.credentials.toBuilder().setAccessKeyId("STS.NoLongerKnown")).build()
        })

        within { direct(tokens).upload(file("x".toByteArray()), UploadOrder("x.txt")).await() }

        assertEquals(2, calls)
    }

    @Test
    fun `OSS in trouble is waited for`() {
        Services.arm("service=oss&operation=part&key=droid8&kind=reset&count=12")
        within { direct(tokens(broker("droid8"))).upload(file(large), UploadOrder("late.bin")).await() }
        assertContentEquals(large, stored("droid8", "late.bin"))
    }

    @Test
    fun `OSS that is gone ends in one retryable failure`() {
        val dead = TcpProxy(Services.broker).apply { close() }
        val real = broker("droid9")
        val tokens = tokens({ request ->
            val answer = real.issueToken(request)
            answer.toBuilder().setScope(answer.scope.toBuilder().setEndpoint("http://${dead.address}")).build()
        })

        val impatient = direct(tokens, UploadOptions(patience = 2.seconds, silence = 1.minutes))
        val events = within { impatient.upload(file(large), UploadOrder("x.bin")).toList() }

        val failure = assertIs<UploadEvent.Failed>(events.single { it !is UploadEvent.Progress }, "$events").failure
        assertIs<SluiceException.Retryable>(failure)
        assertEquals("OSS_UNREACHABLE", failure.reason)
    }
}
