// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import com.google.protobuf.Timestamp
import dev.sluice.token.v1.IssueTokenRequest
import dev.sluice.token.v1.IssueTokenResponse
import kotlin.coroutines.cancellation.CancellationException
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.delay
import kotlinx.coroutines.isActive

/** Where tokens come from: a [TokenBroker], or a fake. Failures are [SluiceException]s. */
public fun interface TokenIssuer {
    public suspend fun issueToken(request: IssueTokenRequest): IssueTokenResponse
}

public class TokenOptions(
    /** A token with less life than this is never given out: a request that is signed now must still be good when it arrives. */
    public val leastLife: Duration = 60.seconds,
    /** How long a fetch goes on after retryable failures while somebody has no token. */
    public val patience: Duration = 15.seconds,
)

/**
 * Keeps one token fresh for everybody who needs it. Thread-safe.
 *
 * However many ask, one fetch runs at a time; each waiter leaves when it is cancelled, and the fetch goes on for the others. A token is
 * renewed from its `refresh_after` on, while the old one is still given out; only a fetch that succeeded changes what is given out, and
 * one that failed changes nothing for the next. The phone's clock may be wrong: life is counted from the broker's own.
 */
public class TokenProvider(
    private val issuer: TokenIssuer,
    private val request: IssueTokenRequest = IssueTokenRequest.getDefaultInstance(),
    private val options: TokenOptions = TokenOptions(),
    private val clock: DeviceClock = DeviceClock.System,
    private val random: Random = Random.Default,
    dispatcher: CoroutineDispatcher = Dispatchers.Default,
) : AutoCloseable {
    private val scope = CoroutineScope(SupervisorJob() + dispatcher)
    private val lock = Any()

    // Guarded by lock, as all below.
    private var held: Held? = null
    private var flight: Deferred<Token>? = null
    private var aheadNotBefore: Duration? = null
    private val aheadBackoff = Backoff(random, first = 1.seconds, longest = 60.seconds)

    /** A token with life left. Throws a [SluiceException] once it is clear that there is none to be had now. */
    public suspend fun token(): Token {
        val awaited = synchronized(lock) {
            val now = held?.takeIf { it.left() > options.leastLife }
            if (now != null) {
                if (now.isDue() && flight == null && mayRenew()) launch()
                return now.token
            }
            flight ?: launch()
        }
        try {
            return awaited.await()
        } catch (cancelled: CancellationException) {
            if (!currentCoroutineContext().isActive) throw cancelled
            throw IllegalStateException("the token provider was closed", cancelled)
        }
    }

    /** Forgets [refused], which OSS took no longer, so that the next caller gets another. */
    public fun invalidate(refused: Token) {
        synchronized(lock) { if (held?.token === refused) held = null }
    }

    /** Ends a fetch under way; whoever waits is told. */
    override fun close(): Unit = scope.cancel()

    private fun mayRenew(): Boolean = aheadNotBefore?.let { clock.elapsed() >= it } ?: true

    // Lazy, so that it is known as the flight before it can end.
    private fun launch(): Deferred<Token> = scope.async(start = CoroutineStart.LAZY) {
        try {
            fetch().also { got ->
                synchronized(lock) {
                    held = got
                    aheadNotBefore = null
                    aheadBackoff.reset()
                }
            }.token
        } catch (failed: SluiceException) {
            synchronized(lock) {
                aheadNotBefore = clock.elapsed() + aheadBackoff.next((failed as? SluiceException.Retryable)?.retryAfter)
            }
            throw failed
        } finally {
            synchronized(lock) { flight = null }
        }
    }.also {
        flight = it
        it.start()
    }

    private suspend fun fetch(): Held {
        val begun = clock.elapsed()
        val backoff = Backoff(random)
        while (true) {
            // Before the call: what it takes is counted against the token's life.
            val asked = Moment(clock)
            try {
                return held(issuer.issueToken(request), asked)
            } catch (failed: SluiceException.Retryable) {
                val wait = backoff.next(failed.retryAfter)
                val someLeft = synchronized(lock) { held?.let { it.left() > options.leastLife } ?: false }
                if (someLeft || clock.elapsed() - begun + wait > options.patience) throw failed
                delay(wait)
            }
        }
    }

    private fun held(answer: IssueTokenResponse, asked: Moment): Held {
        val life = answer.expireTime - answer.serverTime
        return Held(
            Token(
                answer.credentials.accessKeyId,
                answer.credentials.accessKeySecret,
                answer.credentials.securityToken,
                clock.wall().plusMillis((life - asked.age()).inWholeMilliseconds),
                answer.scope,
                answer.grantId,
            ),
            asked,
            life,
            answer.refreshAfter - answer.serverTime,
        )
    }

    private class Held(val token: Token, private val asked: Moment, private val life: Duration, private val dueAfter: Duration) {
        fun left(): Duration = life - asked.age()
        fun isDue(): Boolean = asked.age() >= dueAfter
    }
}

private operator fun Timestamp.minus(other: Timestamp): Duration =
    (seconds - other.seconds).seconds + (nanos - other.nanos).nanoseconds
