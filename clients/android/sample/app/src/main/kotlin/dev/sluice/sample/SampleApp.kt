// SPDX-License-Identifier: Apache-2.0
package dev.sluice.sample

import android.app.Application
import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import dev.sluice.android.FileSource
import dev.sluice.android.SluiceException
import dev.sluice.android.UploadEvent
import dev.sluice.android.UploadOrder
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.launch

/** What lives longer than a screen: the session and the one upload under way. */
class SampleApp : Application() {
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main)
    private val upload = MutableStateFlow<UploadEvent?>(null)
    private var running: Job? = null

    var session: Session? = null
        private set

    /** What the upload last said. */
    val uploadState: StateFlow<UploadEvent?> get() = upload

    override fun onCreate() {
        super.onCreate()
        val connectivity = getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
        val internet = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET).build()
        connectivity.registerNetworkCallback(internet, object : ConnectivityManager.NetworkCallback() {
            override fun onAvailable(network: Network) {
                session?.uploader?.networkChanged()
            }
        })
    }

    fun signIn(server: String, user: String, password: String): Session {
        session?.close()
        return Session(this, server, user, password).also { session = it }
    }

    /** Begins, or goes on with what was paused or what a dead process left. */
    fun upload(picked: PickedFile, grant: String, throughGateway: Boolean) {
        val session = session ?: return
        val order = UploadOrder(picked.name, picked.contentType, grant)
        val events: Flow<UploadEvent> =
            if (throughGateway) session.uploader.upload(picked.name, FileSource(picked.file), order)
            else session.direct(grant).upload(picked.file, order)
        val before = running
        running = scope.launch {
            before?.cancelAndJoin()
            events.collect { upload.value = it }
        }
    }

    /** The same upload again goes on from here. */
    fun pause() {
        running?.cancel()
    }

    /** Gives it up, and frees what it has in OSS. */
    fun cancel(picked: PickedFile) {
        val before = running
        scope.launch {
            before?.cancelAndJoin()
            try {
                session?.uploader?.abort(picked.name)
            } catch (failed: SluiceException) {
                upload.value = UploadEvent.Failed(failed)
                return@launch
            }
            upload.value = null
        }
    }
}
