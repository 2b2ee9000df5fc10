// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import io.grpc.ChannelCredentials
import io.grpc.InsecureChannelCredentials
import io.grpc.ManagedChannel
import io.grpc.TlsChannelCredentials
import io.grpc.okhttp.OkHttpChannelBuilder

/**
 * A channel over TLS to `host:port`. No keepalive pings: a server of gRPC ends connections that ping more often than every five minutes, and
 * the gateway's heartbeat tells that a stream lives.
 */
public fun secureChannel(target: String, credentials: ChannelCredentials = TlsChannelCredentials.create()): ManagedChannel =
    OkHttpChannelBuilder.forTarget(target, credentials).build()

/**
 * Without TLS, for a demo on this machine or the emulator's host. [anywhere] is for a demo in one's own network: whoever listens there can
 * read the JWT.
 */
public fun plaintextChannel(target: String, anywhere: Boolean = false): ManagedChannel {
    val host = target.removePrefix("dns:///").substringBeforeLast(':')
    require(anywhere || host in setOf("127.0.0.1", "localhost", "[::1]", "10.0.2.2")) { "$host is not this machine: use secureChannel" }
    return OkHttpChannelBuilder.forTarget(target, InsecureChannelCredentials.create()).proxyDetector { null }.build()
}
