// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import io.grpc.Status
import kotlin.time.Duration

/**
 * Why something was not done. [reason] is stable: the services' protos list theirs, and those of this library are below.
 * No message holds a secret.
 *
 * - `CLIENT_UNREACHED` (retryable): no service answered, or the connection broke.
 * - `SERVICE_SILENT` (retryable): a stream or a call said nothing for too long.
 * - `UPLOAD_STALLED` (retryable): no byte was stored for the patience of the options.
 * - `PROOF_UNAVAILABLE` (retryable) and `PROOF_FAILED`: the app's [BearerSource] gave no JWT.
 * - `SOURCE_CHANGED`, `SOURCE_UNREADABLE`: what is uploaded became another, or could not be read.
 * - `STORE_FAILED`: the [UploadStore] could not be read or written.
 * - `REQUEST_TOO_LARGE`: more than the service takes in one message.
 * - `CLIENT_FAULT`: a mistake in this library or in what the app gave it; the cause says which.
 */
public sealed class SluiceException(
    public val code: Status.Code,
    public val reason: String,
    message: String,
    public val metadata: Map<String, String>,
    /** Finds the call in the service's log; null where no service answered. */
    public val requestId: String?,
    cause: Throwable?,
) : Exception(message, cause) {

    /** The same may succeed later by itself; not before [retryAfter], where the service said so. */
    public class Retryable(
        code: Status.Code,
        reason: String,
        message: String,
        public val retryAfter: Duration? = null,
        metadata: Map<String, String> = emptyMap(),
        requestId: String? = null,
        cause: Throwable? = null,
    ) : SluiceException(code, reason, message, metadata, requestId, cause)

    /** The same will fail again: the app, its user or the operator must act first. */
    public class Fatal(
        code: Status.Code,
        reason: String,
        message: String,
        metadata: Map<String, String> = emptyMap(),
        requestId: String? = null,
        cause: Throwable? = null,
    ) : SluiceException(code, reason, message, metadata, requestId, cause)

    override fun toString(): String = "${javaClass.simpleName} $code $reason: $message"
}
