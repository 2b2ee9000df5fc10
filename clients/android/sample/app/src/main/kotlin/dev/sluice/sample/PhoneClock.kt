// SPDX-License-Identifier: Apache-2.0
package dev.sluice.sample

import android.os.SystemClock
import dev.sluice.android.DeviceClock
import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.nanoseconds

/** A monotonic clock that goes on while the phone sleeps. */
object PhoneClock : DeviceClock {
    override fun wall(): Instant = Instant.now()
    override fun elapsed(): Duration = SystemClock.elapsedRealtimeNanos().nanoseconds
}
