// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.time.Instant
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.nanoseconds

/** The phone's two clocks: one that its user may set, and one that may stand still while the phone sleeps. */
public interface DeviceClock {
    public fun wall(): Instant

    /** Since some moment that stays the same. On Android best `SystemClock.elapsedRealtimeNanos()`, which goes on in sleep. */
    public fun elapsed(): Duration

    public companion object {
        public val System: DeviceClock = object : DeviceClock {
            override fun wall(): Instant = Instant.now()
            override fun elapsed(): Duration = java.lang.System.nanoTime().nanoseconds
        }
    }
}

/** A moment whose age is told by whichever clock says more, so that neither a set clock nor a sleep makes a token look younger. */
internal class Moment(private val clock: DeviceClock) {
    private val wall = clock.wall()
    private val elapsed = clock.elapsed()

    fun age(): Duration = maxOf(
        clock.elapsed() - elapsed,
        (clock.wall().toEpochMilli() - wall.toEpochMilli()).milliseconds,
        Duration.ZERO,
    )
}
