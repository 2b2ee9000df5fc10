// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource

/** The real broker, gateway and sandbox that `tests/outside/with_services.sh` has started. */
object Services {
    const val NEEDED = "SLUICE_GATEWAY"

    val broker: String get() = System.getenv("SLUICE_BROKER")
    val gateway: String get() = System.getenv("SLUICE_GATEWAY")

    fun jwt(subject: String, audience: String? = null): String =
        String(http("${System.getenv("SLUICE_IDENTITY")}/token?subject=$subject" + audience?.let { "&audience=$it" }.orEmpty())).trim()

    /** A caller of the gateway, with a fresh JWT each time. */
    fun toGateway(subject: String) = BearerSource { jwt(subject, "sluice-gateway") }
    fun toBroker(subject: String) = BearerSource { jwt(subject) }

    fun http(url: String, method: String = "GET", jwt: String? = null): ByteArray {
        val connection = URI(url).toURL().openConnection() as HttpURLConnection
        connection.requestMethod = method
        if (jwt != null) connection.setRequestProperty("Authorization", "Bearer $jwt")
        check(connection.responseCode in 200..299) { "HTTP ${connection.responseCode} for a $method" }
        return connection.inputStream.use { it.readBytes() }
    }

    /** Trouble on order; the sandbox's README lists it. */
    fun arm(fault: String) = http("${System.getenv("SLUICE_SANDBOX_ADMIN")}/faults?$fault", "POST")

    fun stats(key: String) = String(http("${System.getenv("SLUICE_SANDBOX_ADMIN")}/stats?key=$key"))

    /** What the broker's audit says of a subject. It is written in order, so all is there once a later call is. */
    fun auditOf(subject: String): List<String> {
        val later = "after-$subject"
        http("${System.getenv("SLUICE_HTTP")}/get_sts_token?grant=photos", jwt = jwt(later))
        val began = TimeSource.Monotonic.markNow()
        while (true) {
            val lines = File(System.getenv("SLUICE_RUN"), "audit.jsonl").readLines()
            if (lines.any { it.contains("\"$later\"") }) return lines.filter { it.contains("\"$subject\"") }
            check(began.elapsedNow() < 20.seconds) { "the audit does not come" }
            Thread.yield()
        }
    }
}
