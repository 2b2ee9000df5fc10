// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.token.v1.Scope
import java.time.Instant

/** A short-lived key for OSS and what it reaches. Its secrets are left out where it is printed. */
public class Token internal constructor(
    public val accessKeyId: String,
    public val accessKeySecret: String,
    public val securityToken: String,
    /** By this phone's own clock, however wrong that is. */
    public val expiresAt: Instant,
    public val scope: Scope,
    public val grantId: String,
) {
    override fun toString(): String = "Token($accessKeyId, grant id $grantId, until $expiresAt)"
}
