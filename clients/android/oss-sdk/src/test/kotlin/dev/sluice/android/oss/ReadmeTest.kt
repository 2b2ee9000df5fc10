// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android.oss

import android.content.Context
import com.alibaba.sdk.android.oss.ClientConfiguration
import com.alibaba.sdk.android.oss.OSSClient
import com.alibaba.sdk.android.oss.model.PutObjectRequest
import com.alibaba.sdk.android.oss.signer.SignVersion
import dev.sluice.android.BearerSource
import dev.sluice.android.FileSource
import dev.sluice.android.FileUploadStore
import dev.sluice.android.GatewayUploader
import dev.sluice.android.ImageProcess
import dev.sluice.android.Services
import dev.sluice.android.SluiceException
import dev.sluice.android.TokenBroker
import dev.sluice.android.TokenProvider
import dev.sluice.android.UploadEvent
import dev.sluice.android.UploadOrder
import dev.sluice.android.await
import dev.sluice.android.plaintextChannel
import dev.sluice.token.v1.IssueTokenRequest
import io.grpc.ManagedChannel
import java.io.File
import java.nio.file.Path
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable
import org.junit.jupiter.api.io.TempDir

/** The README's examples: compiled here, run here against the release programs, and shown there as they are here. */
class ReadmeTest {
    @TempDir
    lateinit var directory: Path

    private val channels = mutableListOf<ManagedChannel>()

    @AfterTest
    fun close() = channels.forEach { it.shutdownNow() }

    private fun secureChannel(target: String) = plaintextChannel(target).also(channels::add)

    private suspend fun stockSdk(context: Context, bearer: BearerSource, address: String, endpoint: String, file: File) {
        // [stock SDK]
        val broker = TokenBroker(secureChannel(address), bearer)
        val tokens = TokenProvider(broker, IssueTokenRequest.newBuilder().setGrant("photos").build())
        val configuration = ClientConfiguration.getDefaultConf().apply { signVersion = SignVersion.V4 }
        val oss = OSSClient(context, endpoint, SluiceCredentialProvider(tokens), configuration)
        oss.setRegion("cn-hangzhou")
        // [end]
        configuration.isPathStyleAccessEnable = true
        configuration.customCnameExcludeList = listOf("127.0.0.1")
        OSSClient(context, endpoint, SluiceCredentialProvider(tokens), configuration).apply { setRegion("cn-hangzhou") }
            .putObject(PutObjectRequest("sluice-demo", tokens.token().scope.prefix + "stock.jpg", file.path))
    }

    private suspend fun direct(context: Context, tokens: TokenProvider, file: File, show: (Long, Long) -> Unit) {
        // [direct]
        val credentials = SluiceCredentialProvider(tokens)
        val records = File(context.noBackupFilesDir, "oss-records")
        val direct = OssDirectUpload(tokens, records) { ossClient(context, credentials, it) }
        direct.upload(file, UploadOrder("trip/cat.jpg", "image/jpeg")).collect { event ->
            when (event) {
                is UploadEvent.Progress -> show(event.committedBytes, event.totalBytes)
                is UploadEvent.Done -> println(event.uploaded.key)
                is UploadEvent.Failed -> println("${event.failure.reason}, again: ${event.failure is SluiceException.Retryable}")
            }
        }
        // [end]
    }

    private suspend fun gateway(context: Context, bearer: BearerSource, address: String, file: File) {
        // [gateway]
        val store = FileUploadStore(File(context.noBackupFilesDir, "uploads"))
        val uploader = GatewayUploader(listOf(secureChannel(address)), bearer, store)
        val order = UploadOrder("trip/cat.jpg", "image/jpeg", grant = "photos")
        val uploaded = uploader.upload("cat", FileSource(file), order).await { println("${it.committedBytes} bytes are safe") }
        println("${uploaded.key} ${uploaded.etag}")
        // [end]
    }

    private suspend fun look(broker: TokenBroker): String {
        // [look]
        val small = broker.viewUrl("trip/cat.jpg", ImageProcess().resize(300).watermark("(c) Ada"), grant = "photos")
        // [end]
        return small
    }

    @Test
    fun `the README shows what is compiled here`() {
        val here = File("src/test/kotlin/dev/sluice/android/oss/ReadmeTest.kt").readText()
        val shown = File("../README.md").readText()
        val examples = Regex("""// \[(?!end)[^]]+]\n(.*?)\n *// \[end]""", RegexOption.DOT_MATCHES_ALL).findAll(here).toList()
        for (example in examples) {
            val code = example.groupValues[1].trimIndent()
            assertTrue(shown.contains(code), "README.md does not show:\n$code")
        }
        assertEquals(4, examples.size)
    }

    @Test
    @EnabledIfEnvironmentVariable(named = Services.NEEDED, matches = ".+")
    fun `the README's examples work`() = runBlocking {
        val context = FilesContext(directory.toFile())
        val file = directory.resolve("cat.jpg").toFile().apply { writeBytes(ByteArray(3_000_000) { it.toByte() }) }
        val broker = TokenBroker(secureChannel(Services.broker), Services.toBroker("reader"))
        val tokens = TokenProvider(broker, IssueTokenRequest.newBuilder().setGrant("photos").build())

        stockSdk(context, Services.toBroker("reader"), Services.broker, System.getenv("SLUICE_OSS"), file)
        assertContentEquals(file.readBytes(), Services.http(broker.viewUrl("stock.jpg", grant = "photos")))
        direct(context, tokens, file) { _, _ -> }
        assertContentEquals(file.readBytes(), Services.http(broker.viewUrl("trip/cat.jpg", grant = "photos")))
        gateway(context, Services.toGateway("reader"), Services.gateway, file)
        assertTrue(look(broker).contains("x-oss-process"))
        tokens.close()
    }

    private class FilesContext(private val files: File) : PlainContext() {
        override fun getNoBackupFilesDir(): File = files
    }
}
