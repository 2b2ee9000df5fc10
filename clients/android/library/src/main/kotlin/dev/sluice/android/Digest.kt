// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import java.security.MessageDigest

/** In hexadecimal. */
internal fun sha256(text: String): String =
    MessageDigest.getInstance("SHA-256").digest(text.toByteArray()).joinToString("") { "%02x".format(it) }
