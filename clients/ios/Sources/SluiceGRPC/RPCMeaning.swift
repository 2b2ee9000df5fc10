// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import GRPCProtobuf
import Sluice

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
extension SluiceError {
  /// What a failed call means: the service's own words where it spoke, else that the connection broke. A cancelled task's call fails by
  /// `CancellationError`.
  public static func meaning(ofRPC error: any Error) -> any Error {
    if error is SluiceError || error is CancellationError { return error }
    if Task.isCancelled { return CancellationError() }
    guard let failure = error as? RPCError else {
      return SluiceError(.unavailable, Reason.unreachable, "the call failed before it reached the service")
    }
    // The producer's own error arrives as the cause of the call's.
    if let own = failure.cause as? SluiceError { return own }
    let details = (try? failure.unpackGoogleRPCStatus())?.details ?? []
    let info = details.lazy.compactMap(\.errorInfo).first
    let code = Code(failure.code)
    // Without a reason it is the library that speaks: the stream broke. Only what no other stream mends stays as it is.
    let broke = info == nil && code != .unauthenticated && code != .unimplemented
    return SluiceError(
      broke ? .unavailable : code, info?.reason ?? Reason.unreachable, failure.message, metadata: info?.metadata ?? [:],
      requestID: failure.metadata[stringValues: "x-request-id"].first { _ in true },
      retryAfter: details.lazy.compactMap(\.retryInfo).first?.delay)
  }
}

@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
extension SluiceError.Code {
  init(_ code: RPCError.Code) {
    switch code {
    case .cancelled: self = .cancelled
    case .invalidArgument: self = .invalidArgument
    case .deadlineExceeded: self = .deadlineExceeded
    case .notFound: self = .notFound
    case .alreadyExists: self = .alreadyExists
    case .permissionDenied: self = .permissionDenied
    case .resourceExhausted: self = .resourceExhausted
    case .failedPrecondition: self = .failedPrecondition
    case .aborted: self = .aborted
    case .outOfRange: self = .outOfRange
    case .unimplemented: self = .unimplemented
    case .internalError: self = .internal
    case .unavailable: self = .unavailable
    case .dataLoss: self = .dataLoss
    case .unauthenticated: self = .unauthenticated
    default: self = .unknown
    }
  }
}
