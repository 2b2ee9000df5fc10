// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import com.google.protobuf.Any
import com.google.protobuf.Duration as WireDuration
import com.google.protobuf.MessageLite
import dev.sluice.android.wire.WireErrorInfo
import dev.sluice.android.wire.WireRetryInfo
import dev.sluice.android.wire.WireStatus
import io.grpc.Metadata
import io.grpc.Status
import io.grpc.StatusException
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.ZERO
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.TestCoroutineScheduler

/** The clocks of a phone under test: both go with the test's virtual time, and can be set and stopped apart. */
@OptIn(ExperimentalCoroutinesApi::class)
class TestClock(private val scheduler: TestCoroutineScheduler, private val wallOff: Duration = ZERO) : DeviceClock {
    /** What the user added to the wall clock, and what the monotonic one missed in sleep. */
    var wallMoved = ZERO
    var slept = ZERO

    val virtual: Duration get() = scheduler.currentTime.milliseconds
    override fun wall(): Instant = EPOCH.plusMillis((virtual + wallOff + wallMoved + slept).inWholeMilliseconds)
    override fun elapsed(): Duration = virtual

    companion object {
        val EPOCH: Instant = Instant.parse("2026-01-02T03:04:05Z")
    }
}

/** An error as the services send it. */
fun refusal(code: Status.Code, reason: String, retryAfter: Duration? = null, message: String = "refused"): StatusException {
    val details = WireStatus.newBuilder().setCode(code.value()).setMessage(message)
        .addDetails(packed("google.rpc.ErrorInfo", WireErrorInfo.newBuilder().setReason(reason).setDomain("sluice").build()))
    if (retryAfter != null) {
        val delay = WireDuration.newBuilder().setSeconds(retryAfter.inWholeSeconds)
            .setNanos((retryAfter.inWholeNanoseconds % 1_000_000_000).toInt())
        details.addDetails(packed("google.rpc.RetryInfo", WireRetryInfo.newBuilder().setRetryDelay(delay).build()))
    }
    val trailers = Metadata()
    trailers.put(StatusDetailsKey, details.build())
    trailers.put(Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER), "request-7")
    return code.toStatus().withDescription(message).asException(trailers)
}

private fun packed(type: String, message: MessageLite): Any =
    Any.newBuilder().setTypeUrl("type.googleapis.com/$type").setValue(message.toByteString()).build()
