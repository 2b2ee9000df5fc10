// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.upload.v1.UploadGatewayGrpcKt.UploadGatewayCoroutineStub
import io.grpc.Channel
import io.grpc.ManagedChannel

/** One address of the gateway. */
internal class Replica(private val channel: Channel) {
    val stub = UploadGatewayCoroutineStub(channel)

    /** The next stream gets a connection of its own: the one there is may lead nowhere, and TCP would notice after minutes only. */
    fun reconnect() {
        (channel as? ManagedChannel)?.run {
            enterIdle()
            resetConnectBackoff()
        }
    }
}
