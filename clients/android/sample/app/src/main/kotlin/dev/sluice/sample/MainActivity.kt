// SPDX-License-Identifier: Apache-2.0
package dev.sluice.sample

import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.os.Bundle
import android.text.InputType
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.EditText
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.ScrollView
import android.widget.Spinner
import android.widget.TextView
import dev.sluice.android.ImageProcess
import dev.sluice.android.SluiceException
import dev.sluice.android.UploadEvent
import dev.sluice.token.v1.GrantView
import java.io.IOException
import java.net.URL
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.MainScope
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** The one screen: server and user, bucket and region as the broker names them, then pick, upload, look. */
class MainActivity : Activity(), CoroutineScope by MainScope() {
    private val app get() = application as SampleApp
    private lateinit var column: LinearLayout
    private lateinit var server: EditText
    private lateinit var user: EditText
    private lateinit var password: EditText
    private lateinit var grants: Spinner
    private lateinit var bar: ProgressBar
    private lateinit var said: TextView
    private lateinit var picture: ImageView
    private var views: List<GrantView> = emptyList()
    private var picked: PickedFile? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        column = LinearLayout(this).apply {
            orientation = LinearLayout.VERTICAL
            setPadding(32, 32, 32, 32)
        }
        setContentView(ScrollView(this).apply { addView(column) })

        server = field("Server", "10.0.2.2")
        user = field("User", "alice")
        password = field("The demo's password", "").apply { inputType = InputType.TYPE_CLASS_TEXT or InputType.TYPE_TEXT_VARIATION_PASSWORD }
        button("Sign in") { signIn() }
        column.addView(TextView(this).apply { text = "Bucket and region" })
        grants = Spinner(this).also(column::addView)
        button("Pick a picture") {
            startActivityForResult(Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("*/*"), PICK)
        }
        button("Upload direct") { upload(throughGateway = false) }
        button("Upload through the gateway") { upload(throughGateway = true) }
        button("Pause") { app.pause() }
        button("Cancel") { picked?.let(app::cancel) }
        bar = ProgressBar(this, null, android.R.attr.progressBarStyleHorizontal).also {
            it.max = 1000
            column.addView(it)
        }
        said = TextView(this).also(column::addView)
        button("Thumbnail") { show(ImageProcess().resize(300)) }
        button("Watermark") { show(ImageProcess().resize(600).watermark("${user.text}, by Sluice")) }
        picture = ImageView(this).also(column::addView)

        launch { app.uploadState.collect { it?.let(::tell) } }
    }

    override fun onDestroy() {
        cancel()
        super.onDestroy()
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        val uri = data?.data
        if (request != PICK || result != RESULT_OK || uri == null) return
        trying {
            picked = PickedFile.copy(this@MainActivity, uri)
            said.text = "picked ${picked?.name}"
        }
    }

    private fun signIn() = trying {
        views = app.signIn(server.text.toString(), user.text.toString(), password.text.toString()).grants()
        grants.adapter = ArrayAdapter(
            this@MainActivity,
            android.R.layout.simple_spinner_dropdown_item,
            views.map { "${it.scope.bucket}, ${it.scope.region}: ${it.scope.prefix} (${it.name})" },
        )
        said.text = "signed in; ${views.size} grants"
    }

    private fun upload(throughGateway: Boolean) {
        val file = picked
        val grant = grant()
        if (file == null || grant == null) said.text = "sign in and pick a picture first" else app.upload(file, grant, throughGateway)
    }

    private fun show(process: ImageProcess) = trying {
        val session = app.session
        val path = picked?.name
        val grant = grant()
        if (session == null || path == null || grant == null) {
            said.text = "upload a picture first"
            return@trying
        }
        picture.setImageBitmap(fetch(session.broker.viewUrl(path, process, grant)))
    }

    private suspend fun fetch(url: String): Bitmap = withContext(Dispatchers.IO) {
        URL(url).openStream().use { BitmapFactory.decodeStream(it) } ?: throw IOException("OSS sent no picture")
    }

    private fun tell(event: UploadEvent) {
        when (event) {
            is UploadEvent.Progress -> {
                bar.progress = if (event.totalBytes == 0L) 0 else (event.committedBytes * 1000 / event.totalBytes).toInt()
                said.text = "${event.committedBytes} of ${event.totalBytes} bytes are safe"
            }
            is UploadEvent.Done -> {
                bar.progress = bar.max
                said.text = "stored as ${event.uploaded.key}"
            }
            is UploadEvent.Failed -> said.text = explained(event.failure)
        }
    }

    private fun explained(failure: SluiceException) = when (failure) {
        is SluiceException.Retryable -> "not now (${failure.reason}); upload again to go on"
        is SluiceException.Fatal -> "refused (${failure.reason}): ${failure.message}"
    }

    private fun grant(): String? = views.getOrNull(grants.selectedItemPosition)?.name

    private fun trying(work: suspend () -> Unit) {
        launch {
            try {
                work()
            } catch (failed: SluiceException) {
                said.text = explained(failed)
            } catch (failed: IOException) {
                said.text = "not now: ${failed.javaClass.simpleName}"
            }
        }
    }

    private fun field(label: String, value: String): EditText {
        column.addView(TextView(this).apply { text = label })
        return EditText(this).also {
            it.setText(value)
            column.addView(it)
        }
    }

    private fun button(label: String, work: () -> Unit) {
        column.addView(Button(this).apply {
            text = label
            setOnClickListener { work() }
        })
    }

    private companion object {
        const val PICK = 1
    }
}
