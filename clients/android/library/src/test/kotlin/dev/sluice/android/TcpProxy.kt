// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.Closeable
import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread
import kotlin.time.Duration

/** A network between client and server that can break. Listens on a free port of loopback. */
class TcpProxy(target: String) : Closeable {
    private val to = target.substringAfterLast(':').toInt()
    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val links = CopyOnWriteArrayList<Link>()
    private val cutAt = AtomicLong(Long.MAX_VALUE)
    private val freezeAt = AtomicLong(Long.MAX_VALUE)
    private val holdAt = AtomicLong(Long.MAX_VALUE)
    private val closed = CountDownLatch(1)
    private val anyFrozen = CountDownLatch(1)

    val address = "127.0.0.1:${listener.localPort}"
    val connections = AtomicInteger()
    val bytesUp = AtomicLong()

    init {
        thread(isDaemon = true) {
            try {
                while (true) Link(listener.accept())
            } catch (_: IOException) {
                return@thread
            }
        }
    }

    /** Resets the connection that carries the byte of this number, counted over all of them; those that come later pass. */
    fun cutAfter(bytes: Long) = cutAt.set(bytes)

    /** The same connection stays, but nothing passes any more and nobody is told: a phone that left its network. */
    fun freezeAfter(bytes: Long) = freezeAt.set(bytes)

    /** Whether it has come to that, within so long. */
    fun awaitFrozen(within: Duration): Boolean = anyFrozen.await(within.inWholeMilliseconds, TimeUnit.MILLISECONDS)

    /** Takes no more than so many bytes, so that an upload cannot end. */
    fun holdAfter(bytes: Long) = holdAt.set(bytes)

    /** As a server that is gone. */
    override fun close() {
        closed.countDown()
        listener.close()
        links.forEach(Link::reset)
    }

    private inner class Link(private val client: Socket) {
        @Volatile var frozen = false
        private val server = Socket(InetAddress.getLoopbackAddress(), to)

        init {
            connections.incrementAndGet()
            links += this
            thread(isDaemon = true) { pump(client, server, up = true) }
            thread(isDaemon = true) { pump(server, client, up = false) }
        }

        private fun pump(from: Socket, into: Socket, up: Boolean) {
            val piece = ByteArray(16 * 1024)
            try {
                while (true) {
                    val got = from.getInputStream().read(piece)
                    if (got < 0) break
                    if (frozen) continue
                    val sent = if (up) bytesUp.addAndGet(got.toLong()) else 0
                    if (sent >= cutAt.get()) {
                        cutAt.set(Long.MAX_VALUE)
                        break
                    }
                    if (sent >= freezeAt.get()) {
                        freezeAt.set(Long.MAX_VALUE)
                        frozen = true
                        anyFrozen.countDown()
                        continue
                    }
                    if (sent >= holdAt.get()) closed.await()
                    into.getOutputStream().write(piece, 0, got)
                }
            } catch (_: IOException) {
                // The other side is gone, which is what follows.
            }
            reset()
        }

        fun reset() {
            for (socket in listOf(client, server)) {
                try {
                    socket.setSoLinger(true, 0)
                } catch (_: IOException) {
                    // Closed already.
                }
                socket.close()
            }
        }
    }
}
