// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.android.FakeGateway.Trouble
import io.grpc.Metadata
import io.grpc.Status
import io.grpc.Status.Code
import java.io.ByteArrayInputStream
import java.io.IOException
import java.io.InputStream
import java.util.concurrent.atomic.AtomicLong
import kotlin.random.Random
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertNotEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.yield

class GatewayUploaderTest {
    private class MemoryStore : UploadStore {
        val saved = java.util.concurrent.ConcurrentHashMap<String, SavedUpload>()
        override fun load(name: String) = saved[name]
        override fun save(name: String, upload: SavedUpload) {
            saved[name] = upload
        }
        override fun remove(name: String) {
            saved.remove(name)
        }
    }

    private class BytesSource(private val bytes: ByteArray, override val identity: String = "bytes") : UploadSource {
        override val sizeBytes = bytes.size.toLong()
        /** As a file that lost its end while it was read. */
        var cut = bytes.size
        val read = AtomicLong()
        override fun open(offset: Long): InputStream =
            object : ByteArrayInputStream(bytes, offset.toInt(), maxOf(0, cut - offset.toInt())) {
                override fun read(into: ByteArray, at: Int, length: Int): Int =
                    super.read(into, at, length).also { if (it > 0) this@BytesSource.read.addAndGet(it.toLong()) }
            }
    }

    private val gateway = FakeGateway()
    private val store = MemoryStore()
    private val bytes = Random(3).nextBytes(3_000_000)
    private val order = UploadOrder("cat.jpg", "image/jpeg")
    private val lost = Status.UNAVAILABLE.withDescription("the connection was reset").asException()

    @AfterTest
    fun close() = gateway.close()

    private fun uploader(
        vararg others: FakeGateway,
        options: UploadOptions = UploadOptions(),
        bearer: BearerSource = BearerSource { "jwt" },
    ) = GatewayUploader(listOf(gateway.channel) + others.map { it.channel }, bearer, store, options, random = Random(1))

    /** Everything the flow says, in good time; and that it ends once, with its end at the end. */
    private fun events(uploader: GatewayUploader, source: UploadSource = BytesSource(bytes)): List<UploadEvent> = runBlocking {
        withTimeout(30.seconds) { uploader.upload("cat", source, order).toList() }.also { all ->
            assertEquals(1, all.count { it !is UploadEvent.Progress }, "$all")
            assertTrue(all.last() !is UploadEvent.Progress, "$all")
            val told = all.filterIsInstance<UploadEvent.Progress>().map { it.committedBytes }
            assertEquals(told.sorted(), told)
        }
    }

    private fun done(events: List<UploadEvent>): UploadedObject = assertIs<UploadEvent.Done>(events.last(), "$events").uploaded
    private fun failure(events: List<UploadEvent>): SluiceException = assertIs<UploadEvent.Failed>(events.last(), "$events").failure

    @Test
    fun `an upload ends with its object, whole, and nothing is kept`() {
        val uploaded = done(events(uploader()))

        assertContentEquals(bytes, gateway.finished)
        assertEquals(Crc64.of(bytes).toULong(), uploaded.crc64)
        assertEquals(bytes.size.toLong(), uploaded.sizeBytes)
        assertEquals(emptyMap<String, SavedUpload>(), store.saved.toMap())
        assertEquals("cat.jpg", gateway.starts.single().path)
    }

    @Test
    fun `an empty source is an object too`() {
        done(events(uploader(), BytesSource(ByteArray(0))))
        assertContentEquals(ByteArray(0), gateway.finished)
    }

    @Test
    fun `a call says who comes, and hints at a route that names nobody`() {
        done(events(uploader()))

        val sent = gateway.headers.first()
        assertEquals("Bearer jwt", sent.get(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)))
        val route = assertNotNull(sent.get(Metadata.Key.of("x-sluice-route", Metadata.ASCII_STRING_MARSHALLER)))
        assertTrue(Regex("[0-9a-f]{16}").matches(route), route)
    }

    @Test
    fun `after a broken stream it goes on where the gateway is`() {
        gateway.trouble += Trouble.Fail(1_000_000, lost)
        gateway.trouble += Trouble.Fail(2_000_000, lost)

        done(events(uploader()))

        assertContentEquals(bytes, gateway.finished)
        assertEquals(1, gateway.starts.size)
        assertEquals(2, gateway.opened.size)
        assertEquals(gateway.chunkOffsets.sorted(), gateway.chunkOffsets, "a byte that was stored was sent again")
    }

    @Test
    fun `the route of an upload stays the same for all its streams`() {
        gateway.trouble += Trouble.Fail(1_000_000, lost)
        done(events(uploader()))

        assertEquals(1, gateway.headers.map { it.get(Metadata.Key.of("x-sluice-route", Metadata.ASCII_STRING_MARSHALLER)) }.toSet().size)
    }

    @Test
    fun `a start whose answer was lost is the same request again`() {
        gateway.trouble += Trouble.Fail(0, lost)
        gateway.trouble += Trouble.Fail(0, lost)
        done(events(uploader()))
        val ids = gateway.starts.map { it.requestId }.toSet()
        assertEquals(1, ids.size)
        assertTrue(ids.single().length in 1..64)
    }

    @Test
    fun `another replica goes on where one is drained`() {
        FakeGateway().use { other ->
            gateway.trouble += Trouble.Fail(0, refusal(Code.UNAVAILABLE, "GATEWAY_DRAINING", 60.seconds))

            val began = TimeSource.Monotonic.markNow()
            done(events(uploader(other)))

            assertContentEquals(bytes, other.finished)
            assertTrue(began.elapsedNow() < 20.seconds, "it waited for a replica that was gone")
        }
    }

    @Test
    fun `it comes back no sooner than it was told`() {
        gateway.trouble += Trouble.Fail(1, refusal(Code.UNAVAILABLE, "OSS_UNREACHABLE", 900.milliseconds))

        val began = TimeSource.Monotonic.markNow()
        done(events(uploader()))

        assertTrue(began.elapsedNow() >= 900.milliseconds)
    }

    @Test
    fun `an unconfirmed completion is settled by another finish`() {
        gateway.trouble += Trouble.AtFinish(refusal(Code.UNAVAILABLE, "COMPLETION_UNCONFIRMED"), stored = true)
        done(events(uploader()))
        assertEquals(1, gateway.opened.size)
    }

    @Test
    fun `a gap is answered from the offset that is wanted`() {
        gateway.trouble += Trouble.Fail(1, refusal(Code.OUT_OF_RANGE, "OFFSET_GAP"))
        done(events(uploader()))
        assertContentEquals(bytes, gateway.finished)
    }

    @Test
    fun `spoiled bytes are sent again, but not for ever`() {
        gateway.trouble += Trouble.Fail(1, refusal(Code.DATA_LOSS, "CHECKSUM_MISMATCH"))
        done(events(uploader()))

        val other = FakeGateway()
        other.use {
            repeat(20) { _ -> it.trouble += Trouble.AtFinish(refusal(Code.DATA_LOSS, "CHECKSUM_MISMATCH")) }
            val ended = events(GatewayUploader(listOf(it.channel), { "jwt" }, store, random = Random(1)))
            assertEquals("CHECKSUM_MISMATCH", failure(ended).reason)
            assertTrue(it.opened.size < 10)
            // What is stored cannot be made right: the next upload begins anew.
            assertEquals(1, it.aborted.size)
            assertNull(store.saved["cat"])
        }
    }

    @Test
    fun `whoever is replaced by a newer stream ends`() {
        gateway.trouble += Trouble.Fail(1_000_000, refusal(Code.ABORTED, "STREAM_REPLACED"))

        assertEquals("STREAM_REPLACED", failure(events(uploader())).reason)
        assertEquals(0, gateway.opened.size)
    }

    @Test
    fun `a part in the way at the end is put right by another stream`() {
        gateway.trouble += Trouble.AtFinish(refusal(Code.ABORTED, "STREAM_REPLACED"))
        done(events(uploader()))
    }

    @Test
    fun `what stays refused is told once, at once`() {
        val refusals = listOf(
            Code.ALREADY_EXISTS to "OBJECT_EXISTS",
            Code.PERMISSION_DENIED to "LIMIT_EXCEEDED",
            Code.FAILED_PRECONDITION to "OSS_REFUSED",
            Code.INVALID_ARGUMENT to "PATH_INVALID",
            Code.INTERNAL to "INTERNAL_ERROR",
        )
        for ((code, reason) in refusals) {
            FakeGateway().use {
                it.trouble += Trouble.Fail(0, refusal(code, reason))
                val told = failure(events(GatewayUploader(listOf(it.channel), { "jwt" }, store)))
                assertIs<SluiceException.Fatal>(told)
                assertEquals(reason, told.reason)
                assertEquals(1, it.headers.size)
            }
        }
    }

    @Test
    fun `a JWT that is refused is asked for anew once`() {
        val asked = mutableListOf<String?>()
        val bearer = BearerSource { rejected -> asked += rejected; if (rejected == null) "old" else "new" }
        gateway.trouble += Trouble.Fail(0, refusal(Code.UNAUTHENTICATED, "TOKEN_EXPIRED"))
        done(events(uploader(bearer = bearer)))
        assertEquals(listOf(null, "old"), asked)

        gateway.trouble += Trouble.Fail(0, refusal(Code.UNAUTHENTICATED, "TOKEN_REJECTED"))
        gateway.trouble += Trouble.Fail(0, refusal(Code.UNAUTHENTICATED, "TOKEN_REJECTED"))
        assertEquals("TOKEN_REJECTED", failure(events(uploader())).reason)
    }

    @Test
    fun `an app that has no JWT now is waited for`() {
        var asked = 0
        done(events(uploader(bearer = { if (++asked == 1) throw IOException("no network") else "jwt" })))
        assertEquals(2, asked)
    }

    @Test
    fun `a gateway that falls silent is left for another`() {
        FakeGateway().use { other ->
            gateway.trouble += Trouble.Silence
            done(events(uploader(other, options = UploadOptions(silence = 3.seconds))))
            assertContentEquals(bytes, other.finished)
        }
    }

    @Test
    fun `silence everywhere ends when patience does`() {
        repeat(100) { gateway.trouble += Trouble.Silence }
        val told = failure(events(uploader(options = UploadOptions(patience = 1.seconds, silence = 100.milliseconds))))
        assertIs<SluiceException.Retryable>(told)
        assertEquals("SERVICE_SILENT", told.reason)
    }

    @Test
    fun `a source is read no faster than the gateway takes it`() {
        gateway.trouble += Trouble.NoReading
        val source = BytesSource(Random(4).nextBytes(20_000_000))
        runBlocking {
            val upload = launch { uploader().upload("cat", source, order).collect { } }
            withTimeout(10.seconds) { while (gateway.chunkOffsets.isEmpty()) yield() }
            // Nothing to wait for: it is what does not happen. A reader without a rein has all of it in less.
            delay(500)
            upload.cancel()
        }
        assertTrue(source.read.get() <= 2 * (1 shl 20), "${source.read.get()} bytes were read ahead")
    }

    @Test
    fun `a cancelled upload is gone on with by another object`() {
        gateway.trouble += Trouble.Fail(1_000_000, refusal(Code.UNAVAILABLE, "OSS_UNREACHABLE", 60.seconds))
        runBlocking {
            withTimeout(10.seconds) {
                uploader().upload("cat", BytesSource(bytes), order)
                    .takeWhile { it is UploadEvent.Progress && it.committedBytes < 1_000_000 }
                    .toList()
            }
        }
        val id = assertNotNull(store.saved["cat"]?.uploadId)

        done(events(uploader(), BytesSource(bytes)))

        assertContentEquals(bytes, gateway.finished)
        assertEquals(listOf(id), gateway.opened)
        assertNull(store.saved["cat"])
    }

    @Test
    fun `what another process began and the gateway no longer knows begins again`() {
        val print = run {
            gateway.trouble += Trouble.Fail(0, refusal(Code.PERMISSION_DENIED, "SUBJECT_DENIED"))
            events(uploader())
            store.saved.getValue("cat").fingerprint
        }
        store.save("cat", SavedUpload("request", print, "an-id-that-expired"))

        done(events(uploader()))

        assertEquals(listOf("an-id-that-expired"), gateway.opened)
        assertNotEquals("request", gateway.starts.single().requestId)
    }

    @Test
    fun `an upload that ends under this very stream is not begun again`() {
        gateway.trouble += Trouble.Fail(1_000_000, refusal(Code.NOT_FOUND, "UPLOAD_NOT_FOUND"))
        assertEquals("UPLOAD_NOT_FOUND", failure(events(uploader())).reason)
        assertNull(store.saved["cat"])
    }

    @Test
    fun `another source under the same name frees the old upload and begins anew`() {
        store.save("cat", SavedUpload("request", "of other bytes", "old-id"))
        done(events(uploader()))
        assertEquals(listOf("old-id"), gateway.aborted)
        assertContentEquals(bytes, gateway.finished)
    }

    @Test
    fun `a source that became shorter is told and what was sent is freed`() {
        val source = BytesSource(bytes).apply { cut = 2_000_000 }
        assertEquals("SOURCE_CHANGED", failure(events(uploader(), source)).reason)
        assertEquals(1, gateway.aborted.size)
        assertNull(store.saved["cat"])
    }

    @Test
    fun `aborting frees and forgets, also twice`() {
        store.save("cat", SavedUpload("request", "print", "some-id"))
        runBlocking {
            uploader().abort("cat")
            uploader().abort("cat")
        }
        assertEquals(listOf("some-id"), gateway.aborted)
        assertNull(store.saved["cat"])
    }

    @Test
    fun `another network ends a wait and opens a stream at once`() {
        gateway.trouble += Trouble.Fail(1_000_000, refusal(Code.UNAVAILABLE, "OSS_UNREACHABLE", 200.seconds))
        val uploader = uploader()
        runBlocking {
            val upload = launch { done(withTimeout(20.seconds) { uploader.upload("cat", BytesSource(bytes), order).toList() }) }
            withTimeout(10.seconds) { while (gateway.chunkOffsets.isEmpty()) yield() }
            // Until it takes: the failure may be on its way still.
            while (upload.isActive) {
                uploader.networkChanged()
                delay(50)
            }
        }
        assertContentEquals(bytes, gateway.finished)
    }

    @Test
    fun `a store that cannot be written is told, not thrown`() {
        val broken = object : UploadStore by store {
            override fun save(name: String, upload: SavedUpload) = throw IOException("no room")
        }
        val ended = events(GatewayUploader(listOf(gateway.channel), { "jwt" }, broken))
        assertEquals("STORE_FAILED", failure(ended).reason)
    }
}
