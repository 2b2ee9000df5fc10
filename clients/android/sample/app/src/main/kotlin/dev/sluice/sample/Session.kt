// SPDX-License-Identifier: Apache-2.0
package dev.sluice.sample

import android.content.Context
import dev.sluice.android.DirectUpload
import dev.sluice.android.FileUploadStore
import dev.sluice.android.GatewayUploader
import dev.sluice.android.TokenBroker
import dev.sluice.android.TokenProvider
import dev.sluice.android.UploadOptions
import dev.sluice.android.oss.OssDirectUpload
import dev.sluice.android.oss.SluiceCredentialProvider
import dev.sluice.android.oss.ossClient
import dev.sluice.android.plaintextChannel
import dev.sluice.token.v1.GrantView
import dev.sluice.token.v1.IssueTokenRequest
import java.io.File
import kotlin.time.Duration.Companion.minutes

/** One user at one server. What must outlive the process is in files; all else is made anew. */
class Session(context: Context, server: String, user: String, password: String) : AutoCloseable {
    // An app of your own says secureChannel here.
    private val brokerChannel = plaintextChannel("$server:50051", anywhere = true)
    private val gatewayChannel = plaintextChannel("$server:50052", anywhere = true)
    private val app = context.applicationContext

    val broker = TokenBroker(brokerChannel, DemoIdentity(server, user, password, "sluice"))

    /** Uploads that a dead process began are here still. */
    val uploader = GatewayUploader(
        listOf(gatewayChannel),
        DemoIdentity(server, user, password, "sluice-gateway"),
        FileUploadStore(File(app.noBackupFilesDir, "uploads/$user")),
        clock = PhoneClock,
    )

    private var tokens: TokenProvider? = null

    /** Where the user's files go: the broker's answer, not the app's guess. */
    suspend fun grants(): List<GrantView> = broker.listGrants().grantsList

    /** With the stock OSS SDK and tokens of [grant]. */
    fun direct(grant: String): DirectUpload {
        tokens?.close()
        val provider = TokenProvider(broker, IssueTokenRequest.newBuilder().setGrant(grant).build(), clock = PhoneClock)
        tokens = provider
        val credentials = SluiceCredentialProvider(provider)
        return OssDirectUpload(provider, File(app.noBackupFilesDir, "oss-records"), UploadOptions(silence = 5.minutes), PhoneClock) {
            ossClient(app, credentials, it)
        }
    }

    override fun close() {
        tokens?.close()
        brokerChannel.shutdownNow()
        gatewayChannel.shutdownNow()
    }
}
