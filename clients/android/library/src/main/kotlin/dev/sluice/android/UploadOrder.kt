// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

/** As what something is uploaded; the proto `StartUploadRequest` says what each may hold. */
public data class UploadOrder(
    /** Relative to the grant's prefix. */
    val path: String,
    val contentType: String = "application/octet-stream",
    /** May be empty when the caller has exactly one grant. */
    val grant: String = "",
    val metadata: Map<String, String> = emptyMap(),
    val tags: Map<String, String> = emptyMap(),
    val overwrite: Boolean = true,
)
