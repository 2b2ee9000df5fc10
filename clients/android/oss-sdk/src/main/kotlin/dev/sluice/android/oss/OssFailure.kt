// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android.oss

import com.alibaba.sdk.android.oss.ClientException
import com.alibaba.sdk.android.oss.ServiceException
import com.alibaba.sdk.android.oss.exception.InconsistentException
import dev.sluice.android.SluiceException
import io.grpc.Status.Code
import java.io.IOException

internal const val TOKEN_REFUSED = "TOKEN_REFUSED"
private val OfTheToken = setOf("InvalidAccessKeyId", "SecurityTokenExpired", "InvalidSecurityToken")

/** What the stock SDK threw, typed as all failures of this library. */
internal fun ossFailure(thrown: Throwable): SluiceException {
    val chain = generateSequence(thrown) { it.cause }.take(8).toList()
    chain.firstNotNullOfOrNull { it as? SluiceException }?.let { return it }
    chain.firstNotNullOfOrNull { it as? ServiceException }?.let { return ofService(it) }
    return when {
        chain.any { it is InconsistentException } ->
            SluiceException.Retryable(Code.DATA_LOSS, "CHECKSUM_MISMATCH", "OSS has other bytes than were sent", cause = thrown)
        chain.any { it is IOException } || (thrown as? ClientException)?.isCanceledException == true ->
            SluiceException.Retryable(Code.UNAVAILABLE, "OSS_UNREACHABLE", "OSS could not be reached, or the connection broke", cause = thrown)
        else -> SluiceException.Fatal(Code.INTERNAL, "CLIENT_FAULT", "the OSS SDK failed: ${thrown.message}", cause = thrown)
    }
}

private fun ofService(answer: ServiceException): SluiceException {
    val metadata = mapOf("oss_code" to answer.errorCode.orEmpty(), "oss_ec" to answer.ec.orEmpty())
    val message = "OSS answered ${answer.statusCode} ${answer.errorCode}"
    return when {
        answer.errorCode in OfTheToken ->
            SluiceException.Fatal(Code.UNAUTHENTICATED, TOKEN_REFUSED, message, metadata, answer.requestId, answer)
        answer.errorCode == "FileAlreadyExists" ->
            SluiceException.Fatal(Code.ALREADY_EXISTS, "OBJECT_EXISTS", message, metadata, answer.requestId, answer)
        answer.statusCode >= 500 ->
            SluiceException.Retryable(Code.UNAVAILABLE, "OSS_UNREACHABLE", message, null, metadata, answer.requestId, answer)
        else -> SluiceException.Fatal(Code.PERMISSION_DENIED, "OSS_REFUSED", message, metadata, answer.requestId, answer)
    }
}
