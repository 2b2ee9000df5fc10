// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.token.v1.IssueTokenRequest
import dev.sluice.token.v1.IssueTokenResponse
import dev.sluice.token.v1.SignUrlRequest
import dev.sluice.token.v1.SignUrlResponse
import dev.sluice.token.v1.SignedUrl
import dev.sluice.token.v1.TokenBrokerGrpcKt.TokenBrokerCoroutineImplBase
import io.grpc.Metadata
import io.grpc.ServerCall
import io.grpc.ServerCallHandler
import io.grpc.ServerInterceptor
import io.grpc.Status.Code
import io.grpc.inprocess.InProcessChannelBuilder
import io.grpc.inprocess.InProcessServerBuilder
import java.io.IOException
import java.util.Base64
import java.util.UUID
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotEquals
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

class TokenBrokerTest {
    private val answers = ArrayDeque<suspend () -> IssueTokenResponse>()
    private val signed = CopyOnWriteArrayList<SignUrlRequest>()
    private val headers = CopyOnWriteArrayList<Metadata>()

    private val service = object : TokenBrokerCoroutineImplBase() {
        override suspend fun issueToken(request: IssueTokenRequest) = answers.removeFirst()()

        override suspend fun signUrl(request: SignUrlRequest): SignUrlResponse {
            signed += request
            return SignUrlResponse.newBuilder().addUrls(SignedUrl.newBuilder().setUrl("https://signed")).build()
        }
    }
    private val name = UUID.randomUUID().toString()
    private val server = InProcessServerBuilder.forName(name).addService(service).intercept(object : ServerInterceptor {
        override fun <Q, A> interceptCall(call: ServerCall<Q, A>, with: Metadata, next: ServerCallHandler<Q, A>): ServerCall.Listener<Q> {
            headers += with
            return next.startCall(call, with)
        }
    }).build().start()
    private val channel = InProcessChannelBuilder.forName(name).build()

    @AfterTest
    fun close() {
        channel.shutdownNow()
        server.shutdownNow()
    }

    private fun issue(deadline: Duration = 30.seconds, bearer: BearerSource) = runBlocking {
        withTimeout(60.seconds) { TokenBroker(channel, bearer, deadline).issueToken(IssueTokenRequest.getDefaultInstance()) }
    }

    private fun jwt(subject: String) =
        "e30." + Base64.getUrlEncoder().withoutPadding().encodeToString("""{"aud":"sluice", "sub": "$subject"}""".toByteArray()) + ".sig"

    private fun sent(name: String) = headers.map { it.get(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER)) }

    private val ok: suspend () -> IssueTokenResponse = { IssueTokenResponse.getDefaultInstance() }
    private fun refuse(reason: String): suspend () -> IssueTokenResponse = { throw refusal(Code.UNAUTHENTICATED, reason) }

    @Test
    fun `a caller keeps its route whatever its JWT, and the route does not name it`() {
        repeat(3) { answers += ok }
        issue { jwt("alice") }
        issue { jwt("alice") + "2" }
        issue { jwt("bob") }

        val routes = sent("x-sluice-route")
        assertEquals(routes[0], routes[1])
        assertNotEquals(routes[0], routes[2])
        assertFalse(routes.any { it!!.contains("alice") })
    }

    @Test
    fun `a JWT without a readable subject goes without a hint, and nobody without either`() {
        repeat(3) { answers += ok }
        issue { "no-jwt-at-all" }
        issue { "a.%%%.b" }
        issue { null }

        assertEquals(listOf<String?>(null, null, null), sent("x-sluice-route"))
        assertEquals(listOf("Bearer no-jwt-at-all", "Bearer a.%%%.b", null), sent("authorization"))
    }

    @Test
    fun `a refused JWT is asked for anew once, and no more`() {
        answers += listOf(refuse("TOKEN_EXPIRED"), ok)
        issue { rejected -> if (rejected == null) "old" else "$rejected-new" }
        assertEquals(listOf<String?>("Bearer old", "Bearer old-new"), sent("authorization"))

        answers += listOf(refuse("TOKEN_EXPIRED"), refuse("TOKEN_REJECTED"))
        assertEquals("TOKEN_REJECTED", assertFailsWith<SluiceException.Fatal> { issue { "any" } }.reason)
        assertEquals(4, headers.size)
    }

    @Test
    fun `a source that fails is told as what it is`() {
        assertEquals("PROOF_UNAVAILABLE", assertFailsWith<SluiceException.Retryable> { issue { throw IOException() } }.reason)
        assertEquals("PROOF_FAILED", assertFailsWith<SluiceException.Fatal> { issue { error("signed out") } }.reason)
        assertEquals(
            "PROOF_UNAVAILABLE",
            assertFailsWith<SluiceException.Retryable> { issue { withTimeout(10.milliseconds) { awaitCancellation() } } }.reason,
        )
    }

    @Test
    fun `a broker that does not answer is a retryable failure`() {
        answers += { awaitCancellation() }
        assertEquals("SERVICE_SILENT", assertFailsWith<SluiceException.Retryable> { issue(300.milliseconds) { "jwt" } }.reason)
    }

    @Test
    fun `a process is spelt as OSS reads it`() {
        runBlocking { TokenBroker(channel, { "jwt" }).viewUrl("a.jpg", ImageProcess().resize(300).watermark("(c) Ada?")) }
        assertEquals("image/resize,w_300/watermark,text_KGMpIEFkYT8,size_40,g_se", signed.single().process)
        assertFailsWith<IllegalArgumentException> { ImageProcess().resize(0) }
        assertFailsWith<IllegalArgumentException> { ImageProcess().watermark("x".repeat(65)) }
    }
}
