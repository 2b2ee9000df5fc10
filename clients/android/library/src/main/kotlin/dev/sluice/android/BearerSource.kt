// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import io.grpc.Metadata
import io.grpc.Status.Code
import java.io.IOException
import java.util.Base64
import kotlin.coroutines.cancellation.CancellationException
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.isActive
import kotlinx.coroutines.withTimeout

/**
 * Gives the JWT that proves who the app's user is, from whatever identity provider the app uses. Asked before each call and each stream,
 * so it should keep a JWT until that ends. Broker and gateway want audiences of their own (`sluice`, `sluice-gateway`).
 */
public fun interface BearerSource {
    /**
     * The JWT; null to come as `anonymous`. [rejected] is one that the service has just refused, so another is wanted. May suspend,
     * for a minute at most; an `IOException` means that it may work later, any other exception that it will not.
     */
    public suspend fun jwt(rejected: String?): String?
}

private val Authorization = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)
private val Route = Metadata.Key.of("x-sluice-route", Metadata.ASCII_STRING_MARSHALLER)

/** Metadata of a call: the proof, and the hint by which a balancer can send the same caller to the same replica. */
internal fun callHeaders(jwt: String?, route: String?): Metadata {
    val headers = Metadata()
    if (jwt != null) headers.put(Authorization, "Bearer $jwt")
    if (route != null) headers.put(Route, routeOf(route))
    return headers
}

// Hashed, since proxies log headers.
private fun routeOf(text: String): String = sha256(text).take(16)

/** Who a JWT is about, unjudged: good enough for a hint, and for nothing else. */
internal fun subjectOf(jwt: String?): String? {
    val payload = jwt?.split('.')?.getOrNull(1) ?: return null
    val json = try {
        String(Base64.getUrlDecoder().decode(payload))
    } catch (_: IllegalArgumentException) {
        return null
    }
    return Regex(""""sub"\s*:\s*"([^"\\]+)"""").find(json)?.groupValues?.get(1)
}

// A sign-in that waits for its user belongs before the upload.
private val PROOF_PATIENCE = 60.seconds

/** Asks the source; whatever it throws comes out typed, but for a cancellation of the caller itself. */
internal suspend fun BearerSource.proof(rejected: String?): String? = try {
    withTimeout(PROOF_PATIENCE) { jwt(rejected) }
} catch (known: SluiceException) {
    throw known
} catch (cancelled: CancellationException) {
    if (!currentCoroutineContext().isActive) throw cancelled
    // A timeout, ours or the source's own.
    throw SluiceException.Retryable(Code.UNAVAILABLE, "PROOF_UNAVAILABLE", "the app's JWT did not come in time", cause = cancelled)
} catch (broken: IOException) {
    throw SluiceException.Retryable(Code.UNAVAILABLE, "PROOF_UNAVAILABLE", "the app's JWT could not be had now", cause = broken)
} catch (failed: Exception) {
    throw SluiceException.Fatal(Code.UNAUTHENTICATED, "PROOF_FAILED", "the app's source of JWTs failed", cause = failed)
}

/** One call with the source's proof; a JWT that the service refuses is asked for anew, once. Failures are [SluiceException]s. */
internal suspend fun <T> BearerSource.proving(call: suspend (jwt: String?) -> T): T {
    val jwt = proof(null)
    val refused = try {
        return call(jwt)
    } catch (thrown: Exception) {
        sluiceException(thrown) ?: throw thrown
    }
    if (refused.code != Code.UNAUTHENTICATED || jwt == null) throw refused
    try {
        return call(proof(jwt))
    } catch (thrown: Exception) {
        throw sluiceException(thrown) ?: thrown
    }
}
