// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.io.Closeable
import java.io.IOException
import java.net.InetAddress
import java.net.ServerSocket
import java.net.Socket
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicLong
import kotlin.concurrent.thread

/** A network between client and server that can break. Listens on a free port of loopback. */
class TcpProxy(target: String) : Closeable {
    private val to = target.substringAfterLast(':').toInt()
    private val listener = ServerSocket(0, 50, InetAddress.getLoopbackAddress())
    private val links = CopyOnWriteArrayList<Link>()
    private val cutAt = AtomicLong(Long.MAX_VALUE)

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

    /** Nothing passes any more over the connections there are, and nobody is told: a phone that left its network. */
    fun freeze() = links.forEach { it.frozen = true }

    /** As a server that is gone. */
    override fun close() {
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
                    if (up && bytesUp.addAndGet(got.toLong()) >= cutAt.get()) {
                        cutAt.set(Long.MAX_VALUE)
                        break
                    }
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
