// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import io.grpc.Channel
import io.grpc.Status.Code
import kotlin.coroutines.cancellation.CancellationException
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel.Factory.CONFLATED
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.isActive

public class UploadOptions(
    /** How long an upload may go without any new byte being stored before it fails as retryable. */
    public val patience: Duration = 5.minutes,
    /** A stream that says nothing for so long is given up for another. The gateway speaks every 20 s at least. */
    public val silence: Duration = 45.seconds,
)

/**
 * Puts sources into OSS through the upload gateway, and goes on by itself after whatever breaks: a stream, a network, a replica, a JWT that
 * ended. What must outlive this process is in [store], so that a new uploader goes on where a dead one stopped. Thread-safe.
 *
 * A source is read piece by piece, when the connection takes more; at most two pieces, of 64 KiB to 1 MiB each, are held.
 */
public class GatewayUploader(
    /** To replicas or balancers, tried in turn. See [secureChannel]. */
    gateways: List<Channel>,
    bearer: BearerSource,
    private val store: UploadStore,
    options: UploadOptions = UploadOptions(),
    clock: DeviceClock = DeviceClock.System,
    random: Random = Random.Default,
    /** Where sources and the store are read and written. */
    private val io: CoroutineDispatcher = Dispatchers.IO,
) {
    init {
        require(gateways.isNotEmpty()) { "no gateway was given" }
    }

    private val networks = MutableStateFlow(0)
    private val link = GatewayLink(gateways.map(::Replica), bearer, options, clock, random, io, networks)

    /**
     * Uploads [source] as [order], under the app's own [name] for this upload. Cold: each collection works, and goes on with what an
     * earlier one under that name left, if source and order are the same. To pause, cancel the collection; to give up, [abort] as well.
     * One collection at a time under a name: of two, the older fails with `STREAM_REPLACED`.
     */
    public fun upload(name: String, source: UploadSource, order: UploadOrder): Flow<UploadEvent> = channelFlow<UploadEvent> {
        val run = UploadRun(link, SavedUploads(store, name, io), source, order) { trySend(it) }
        val end = try {
            UploadEvent.Done(run.untilStored())
        } catch (failed: SluiceException) {
            UploadEvent.Failed(failed)
        } catch (failed: Exception) {
            if (failed is CancellationException && !isActive) throw failed
            UploadEvent.Failed(SluiceException.Fatal(Code.INTERNAL, "CLIENT_FAULT", "the upload failed by a mistake", cause = failed))
        }
        send(end)
    }.buffer(CONFLATED)

    /** Frees what the upload under [name] has in OSS, and forgets it. Cancel its collection first. Repeating it is fine. */
    public suspend fun abort(name: String) {
        val saved = SavedUploads(store, name, io)
        saved.load()?.let { link.release(it) }
        saved.remove()
    }

    /** Tells that the phone has another network: streams over the old one are given up at once, and waits are cut short. */
    public fun networkChanged() {
        networks.update { it + 1 }
    }
}
