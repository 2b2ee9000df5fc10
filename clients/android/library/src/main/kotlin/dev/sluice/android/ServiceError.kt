// SPDX-License-Identifier: Apache-2.0
package dev.sluice.android

import dev.sluice.android.wire.WireErrorInfo
import dev.sluice.android.wire.WireRetryInfo
import dev.sluice.android.wire.WireStatus
import io.grpc.Metadata
import io.grpc.Status
import io.grpc.Status.Code
import io.grpc.StatusException
import io.grpc.StatusRuntimeException
import io.grpc.protobuf.lite.ProtoLiteUtils
import kotlin.time.Duration.Companion.nanoseconds
import kotlin.time.Duration.Companion.seconds

internal val StatusDetailsKey: Metadata.Key<WireStatus> =
    Metadata.Key.of("grpc-status-details-bin", ProtoLiteUtils.metadataMarshaller(WireStatus.getDefaultInstance()))
private val RequestIdKey = Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER)

/** What gRPC threw as what the app is told; null where it is no answer of gRPC. */
internal fun sluiceException(thrown: Throwable): SluiceException? = when (thrown) {
    is SluiceException -> thrown
    is StatusException -> sluiceException(thrown.status, thrown.trailers, thrown)
    is StatusRuntimeException -> sluiceException(thrown.status, thrown.trailers, thrown)
    else -> null
}

private fun sluiceException(status: Status, trailers: Metadata?, cause: Throwable): SluiceException {
    val details = trailers?.get(StatusDetailsKey)?.detailsList.orEmpty()
    val info = details.firstOrNull { it.typeUrl.endsWith("/google.rpc.ErrorInfo") }?.let { WireErrorInfo.parseFrom(it.value) }
    val delay = details.firstOrNull { it.typeUrl.endsWith("/google.rpc.RetryInfo") }
        ?.let { WireRetryInfo.parseFrom(it.value).retryDelay }
        ?.let { it.seconds.seconds + it.nanos.nanoseconds }
    val requestId = trailers?.get(RequestIdKey)
    val message = status.description ?: status.code.name
    if (info == null) return ofTransport(status.code, message, requestId, cause)
    return if (delay != null || status.code in Transient || info.reason == "CHECKSUM_MISMATCH") {
        SluiceException.Retryable(status.code, info.reason, message, delay, info.metadataMap, requestId, cause)
    } else {
        SluiceException.Fatal(status.code, info.reason, message, info.metadataMap, requestId, cause)
    }
}

private val Transient = setOf(Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED)

// Without a reason it is gRPC or something on the way that speaks.
private fun ofTransport(code: Code, message: String, requestId: String?, cause: Throwable): SluiceException = when (code) {
    Code.DEADLINE_EXCEEDED ->
        SluiceException.Retryable(code, "SERVICE_SILENT", "the service did not answer in time", requestId = requestId, cause = cause)
    Code.RESOURCE_EXHAUSTED ->
        SluiceException.Fatal(code, "REQUEST_TOO_LARGE", "larger than the service takes: $message", requestId = requestId, cause = cause)
    Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.UNIMPLEMENTED, Code.INVALID_ARGUMENT, Code.NOT_FOUND ->
        SluiceException.Fatal(code, "CLIENT_UNREACHED", "what answered is no Sluice service: $message", requestId = requestId, cause = cause)
    else ->
        SluiceException.Retryable(code, "CLIENT_UNREACHED", "no service answered, or the connection broke: $message",
            requestId = requestId, cause = cause)
}
