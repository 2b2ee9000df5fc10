// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import com.google.protobuf.Timestamp
import dev.sluice.token.v1.Credentials
import dev.sluice.token.v1.IssueTokenRequest
import dev.sluice.token.v1.IssueTokenResponse
import io.grpc.Status.Code
import java.time.Instant
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNotSame
import kotlin.test.assertSame
import kotlin.test.assertTrue
import kotlin.time.Duration
import kotlin.time.Duration.Companion.hours
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.test.StandardTestDispatcher
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.currentTime
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

@OptIn(ExperimentalCoroutinesApi::class)
class TokenProviderTest {
    /** A broker whose clock is right, whose tokens live an hour, and which answers after a second. */
    private inner class Broker(private val test: TestScope) : TokenIssuer {
        var calls = 0
        val failures = ArrayDeque<Exception>()
        var life: Duration = 1.hours

        override suspend fun issueToken(request: IssueTokenRequest): IssueTokenResponse {
            val call = ++calls
            delay(1.seconds)
            failures.removeFirstOrNull()?.let { throw it }
            val now = TestClock.EPOCH.plusMillis(test.currentTime)
            return IssueTokenResponse.newBuilder()
                .setCredentials(
                    Credentials.newBuilder().setAccessKeyId("STS.$call").setAccessKeySecret("hidden-secret").setSecurityToken("hidden-token"),
                )
                .setServerTime(timestamp(now))
                .setExpireTime(timestamp(now.plusMillis(life.inWholeMilliseconds)))
                .setRefreshAfter(timestamp(now.plusMillis((life * 0.75).inWholeMilliseconds)))
                .build()
        }
    }

    private fun timestamp(at: Instant) = Timestamp.newBuilder().setSeconds(at.epochSecond).setNanos(at.nano).build()

    private fun TestScope.provider(broker: TokenIssuer, clock: TestClock = TestClock(testScheduler), options: TokenOptions = TokenOptions()) =
        TokenProvider(broker, IssueTokenRequest.getDefaultInstance(), options, clock, Random(1), StandardTestDispatcher(testScheduler))

    private fun retryable(after: Duration? = null) = SluiceException.Retryable(Code.UNAVAILABLE, "STS_UNREACHABLE", "later", after)

    @Test
    fun `a hundred callers cause one fetch`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)

        val got = List(100) { async { tokens.token() } }.awaitAll()

        assertEquals(1, broker.calls)
        assertEquals(1, got.distinct().size)
        assertSame(got.first(), tokens.token())
        assertEquals(1, broker.calls)
    }

    @Test
    fun `the first waiter's cancel fails nobody else`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)

        val first = async { tokens.token() }
        runCurrent()
        val others = List(3) { async { tokens.token() } }
        runCurrent()
        first.cancel()

        assertEquals(setOf("STS.1"), others.awaitAll().map { it.accessKeyId }.toSet())
        assertTrue(first.isCancelled)
        assertEquals(1, broker.calls)
    }

    @Test
    fun `a fetch whose every waiter left is there for the next`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)

        val only = launch { tokens.token() }
        runCurrent()
        only.cancel()
        advanceTimeBy(2.seconds)

        assertEquals("STS.1", tokens.token().accessKeyId)
        assertEquals(1, broker.calls)
    }

    @Test
    fun `from refresh_after on one renewal runs and nobody waits for it`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        val old = tokens.token()

        advanceTimeBy(44.minutes)
        assertSame(old, tokens.token())
        runCurrent()
        assertEquals(1, broker.calls)

        advanceTimeBy(2.minutes)
        val before = currentTime
        repeat(5) { assertSame(old, tokens.token()) }
        assertEquals(before, currentTime)
        advanceTimeBy(2.seconds)
        assertEquals("STS.2", tokens.token().accessKeyId)
        assertEquals(2, broker.calls)
    }

    @Test
    fun `a failed renewal leaves the old token in use and comes back when it was told to`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        val old = tokens.token()
        advanceTimeBy(46.minutes)

        broker.failures += retryable(90.seconds)
        assertSame(old, tokens.token())
        advanceTimeBy(2.seconds)
        assertSame(old, tokens.token())
        advanceTimeBy(80.seconds)
        assertSame(old, tokens.token())
        assertEquals(2, broker.calls)

        advanceTimeBy(10.seconds)
        tokens.token()
        advanceTimeBy(2.seconds)
        assertEquals("STS.3", tokens.token().accessKeyId)
    }

    @Test
    fun `a fetch that failed poisons nothing`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        broker.failures += SluiceException.Fatal(Code.PERMISSION_DENIED, "GRANT_NOT_HELD", "not yours")

        val failures = List(3) { async { runCatching { tokens.token() }.exceptionOrNull() } }.awaitAll()

        for (failure in failures) assertEquals("GRANT_NOT_HELD", assertFailsWith<SluiceException.Fatal> { throw failure!! }.reason)
        assertEquals(1, broker.calls)
        assertEquals("STS.2", tokens.token().accessKeyId)
    }

    @Test
    fun `what no rule foresaw poisons nothing either`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        broker.failures += IllegalStateException("a mistake")

        assertFailsWith<IllegalStateException> { tokens.token() }
        assertEquals("STS.2", tokens.token().accessKeyId)
    }

    @Test
    fun `a retryable failure is retried no sooner than it was told`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        broker.failures += retryable(5.seconds)

        tokens.token()

        assertEquals(2, broker.calls)
        assertTrue(currentTime >= 7_000, "it took $currentTime ms")
    }

    @Test
    fun `with patience at an end the waiter hears why and when`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        broker.failures += retryable(40.seconds)

        val failed = assertFailsWith<SluiceException.Retryable> { tokens.token() }

        assertEquals("STS_UNREACHABLE", failed.reason)
        assertEquals(40.seconds, failed.retryAfter)
        assertEquals(1_000, currentTime)
    }

    @Test
    fun `a phone whose clock is wrong by hours counts by the broker's`() = runTest {
        for (off in listOf((-5).hours, 5.hours)) {
            val broker = Broker(this)
            val clock = TestClock(testScheduler, wallOff = off)
            val tokens = provider(broker, clock)

            val token = tokens.token()
            assertSame(token, tokens.token())
            assertEquals(1, broker.calls)
            // By the phone's own clock, since whoever compares has no other.
            val lives = token.expiresAt.epochSecond - clock.wall().epochSecond
            assertTrue(lives in 3_590..3_600, "it lives $lives s")
        }
    }

    @Test
    fun `a token that ended while the phone slept is not given out`() = runTest {
        val broker = Broker(this)
        val clock = TestClock(testScheduler)
        val tokens = provider(broker, clock)
        tokens.token()

        clock.slept = 2.hours

        assertEquals("STS.2", tokens.token().accessKeyId)
    }

    @Test
    fun `a clock that is set back does not make a token live longer`() = runTest {
        val broker = Broker(this)
        val clock = TestClock(testScheduler)
        val tokens = provider(broker, clock)
        tokens.token()

        clock.wallMoved = (-3).hours
        advanceTimeBy(1.hours)

        assertEquals("STS.2", tokens.token().accessKeyId)
    }

    @Test
    fun `with less than the least life left the caller waits for another`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        tokens.token()
        advanceTimeBy(59.minutes + 30.seconds)

        assertEquals("STS.2", tokens.token().accessKeyId)
    }

    @Test
    fun `a token that OSS refused is not given out again`() = runTest {
        val broker = Broker(this)
        val tokens = provider(broker)
        val refused = tokens.token()

        tokens.invalidate(refused)
        val next = tokens.token()
        assertNotSame(refused, next)

        // Late news of the first one harms no other.
        tokens.invalidate(refused)
        assertSame(next, tokens.token())
    }

    @Test
    fun `closing tells who waits`() = runTest {
        val tokens = provider(Broker(this))
        val waiting = async { runCatching { tokens.token() }.exceptionOrNull() }
        runCurrent()

        tokens.close()

        assertTrue(waiting.await() is IllegalStateException)
        assertFailsWith<IllegalStateException> { tokens.token() }
    }

    @Test
    fun `a token that is printed shows no secret`() = runTest {
        val token = provider(Broker(this)).token()
        assertFalse(token.toString().contains("hidden"))
        assertTrue(token.toString().contains("STS.1"))
    }
}
