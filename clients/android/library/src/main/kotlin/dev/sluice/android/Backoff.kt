// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** Waits that double, each shortened by chance to between half and all of it, so that many phones do not come back at once. */
public class Backoff(
    private val random: Random,
    private val first: Duration = 200.milliseconds,
    private val longest: Duration = 10.seconds,
) {
    private var failures = 0

    public fun reset() {
        failures = 0
    }

    /** The next wait, no shorter than [told]. */
    public fun next(told: Duration? = null): Duration {
        val whole = minOf(longest, first * (1 shl minOf(failures++, 16)))
        return maxOf(whole * (0.5 + random.nextDouble() / 2), told ?: Duration.ZERO)
    }
}
