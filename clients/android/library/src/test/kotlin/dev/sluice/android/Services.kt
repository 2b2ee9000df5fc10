// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.File
import java.net.HttpURLConnection
import java.net.URI

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

    fun http(url: String, method: String = "GET"): ByteArray {
        val connection = URI(url).toURL().openConnection() as HttpURLConnection
        connection.requestMethod = method
        check(connection.responseCode in 200..299) { "HTTP ${connection.responseCode} for a $method" }
        return connection.inputStream.use { it.readBytes() }
    }

    /** Trouble on order; the sandbox's README lists it. */
    fun arm(fault: String) = http("${System.getenv("SLUICE_SANDBOX_ADMIN")}/faults?$fault", "POST")

    fun stats(key: String) = String(http("${System.getenv("SLUICE_SANDBOX_ADMIN")}/stats?key=$key"))

    fun audit(): List<String> = File(System.getenv("SLUICE_RUN"), "audit.jsonl").readLines()
}
