// SPDX-License-Identifier: Apache-2.0
package dev.sluice.sample

import android.net.Uri
import android.util.Base64
import dev.sluice.android.BearerSource
import java.net.HttpURLConnection
import java.net.URL
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/**
 * JWTs of the sandbox's identity provider, which gives them for anybody to whoever has the password that the demo prints. An app of your own
 * has its provider's SDK here, and keeps the JWT until that ends.
 */
class DemoIdentity(private val server: String, private val user: String, private val password: String, private val audience: String) : BearerSource {
    private val lock = Mutex()
    private var last: String? = null

    override suspend fun jwt(rejected: String?): String = lock.withLock {
        last?.takeIf { it != rejected } ?: fetch().also { last = it }
    }

    private suspend fun fetch(): String = withContext(Dispatchers.IO) {
        val url = URL("http://$server:$PORT/token?subject=${Uri.encode(user)}&audience=$audience")
        val connection = url.openConnection() as HttpURLConnection
        connection.connectTimeout = 5_000
        connection.readTimeout = 5_000
        val login = Base64.encodeToString("demo:$password".toByteArray(), Base64.NO_WRAP)
        if (password.isNotEmpty()) connection.setRequestProperty("Authorization", "Basic $login")
        try {
            connection.inputStream.use { String(it.readBytes()).trim() }
        } finally {
            connection.disconnect()
        }
    }

    private companion object {
        const val PORT = 9003
    }
}
