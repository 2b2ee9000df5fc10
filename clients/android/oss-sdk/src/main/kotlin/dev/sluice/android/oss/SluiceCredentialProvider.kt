// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android.oss

import com.alibaba.sdk.android.oss.ClientException
import com.alibaba.sdk.android.oss.common.auth.OSSFederationCredentialProvider
import com.alibaba.sdk.android.oss.common.auth.OSSFederationToken
import dev.sluice.android.SluiceException
import dev.sluice.android.Token
import dev.sluice.android.TokenProvider
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/**
 * Gives the stock OSS SDK its tokens: `OSSClient(context, endpoint, SluiceCredentialProvider(tokens), configuration)`. Called by the SDK on
 * its own threads, which wait for at most [patience]. The SDK's own keeping of tokens is not used: [TokenProvider] knows better when one
 * ends, and its callers do not wait for one another.
 */
public class SluiceCredentialProvider(
    private val tokens: TokenProvider,
    private val patience: Duration = 30.seconds,
) : OSSFederationCredentialProvider() {
    @Volatile
    private var last: Token? = null

    /** Fails with a `ClientException` whose cause is the [SluiceException]. */
    override fun getFederationToken(): OSSFederationToken {
        val token = try {
            runBlocking { withTimeout(patience) { tokens.token() } }
        } catch (failed: SluiceException) {
            throw ClientException("no token: ${failed.reason}: ${failed.message}", failed)
        } catch (late: TimeoutCancellationException) {
            throw ClientException("no token within $patience", late)
        } catch (closed: IllegalStateException) {
            throw ClientException(closed.message, closed)
        }
        last = token
        return OSSFederationToken(token.accessKeyId, token.accessKeySecret, token.securityToken, token.expiresAt.epochSecond)
    }

    override fun getValidFederationToken(): OSSFederationToken = federationToken

    /** To be called when OSS refused the token, so that the next request comes with another. */
    public fun tokenRefused() {
        last?.let(tokens::invalidate)
    }
}
