// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Why something was not done, as the service said it, or as this library does where the service did not speak.
///
/// The services' reasons are listed in their protos and by `sluice why REASON`. This library's own are the constants of `Reason`.
public struct SluiceError: Error, Sendable, Equatable {
  /// The codes of gRPC, by their names.
  public enum Code: String, Sendable, CaseIterable {
    case cancelled = "CANCELLED"
    case unknown = "UNKNOWN"
    case invalidArgument = "INVALID_ARGUMENT"
    case deadlineExceeded = "DEADLINE_EXCEEDED"
    case notFound = "NOT_FOUND"
    case alreadyExists = "ALREADY_EXISTS"
    case permissionDenied = "PERMISSION_DENIED"
    case resourceExhausted = "RESOURCE_EXHAUSTED"
    case failedPrecondition = "FAILED_PRECONDITION"
    case aborted = "ABORTED"
    case outOfRange = "OUT_OF_RANGE"
    case unimplemented = "UNIMPLEMENTED"
    case `internal` = "INTERNAL"
    case unavailable = "UNAVAILABLE"
    case dataLoss = "DATA_LOSS"
    case unauthenticated = "UNAUTHENTICATED"
  }

  /// Reasons that no service gives.
  public enum Reason {
    /// The server could not be reached, or the connection broke.
    public static let unreachable = "SERVER_UNREACHABLE"
    /// What came back is not what this library understands.
    public static let answerInvalid = "ANSWER_INVALID"
    /// The address is plain http and not on this device; see `HTTPRules`.
    public static let addressInsecure = "ADDRESS_INSECURE"
    /// The file is not there, cannot be read, or is not what it was when the upload began.
    public static let fileChanged = "FILE_CHANGED"
    /// What OSS stored is not what was sent.
    public static let checksumMismatch = "CHECKSUM_MISMATCH"
    /// OSS refused a request that the broker had signed; `metadata["oss_code"]` has its code.
    public static let ossRefused = "OSS_REFUSED"
    /// The broker's plan is a form that this library was not asked to use.
    public static let formUnusable = "FORM_UNUSABLE"
    /// Nothing was stored for too long, whatever was tried.
    public static let patienceEnded = "PATIENCE_ENDED"
  }

  public var code: Code
  /// Stable and for programs, such as `SCOPE_NOT_GRANTED`.
  public var reason: String
  /// For a person.
  public var message: String
  public var metadata: [String: String]
  /// Finds the call in the service's log and audit.
  public var requestID: String?
  /// How long the service wants to be left alone.
  public var retryAfter: Duration?

  public init(
    _ code: Code, _ reason: String, _ message: String, metadata: [String: String] = [:], requestID: String? = nil,
    retryAfter: Duration? = nil
  ) {
    self.code = code
    self.reason = reason
    self.message = message
    self.metadata = metadata
    self.requestID = requestID
    self.retryAfter = retryAfter
  }

  /// Whether the same request may succeed a little later.
  public var isRetryable: Bool {
    switch code {
    case .unavailable, .resourceExhausted, .deadlineExceeded: true
    default: false
    }
  }
}

extension SluiceError: LocalizedError, CustomStringConvertible {
  public var description: String { "\(code.rawValue) \(reason): \(message)" }
  public var errorDescription: String? { message }
}

extension SluiceError {
  /// What a service answered instead of a success: its JSON, or by its status where something between us and it spoke.
  static func from(status: Int, headers: [String: String], body: Data) -> SluiceError {
    let waits = headers["retry-after"].flatMap(Double.init).map { Duration.seconds($0) }
    if let said = try? JSONDecoder().decode(Refusal.self, from: body), let code = Code(rawValue: said.code) {
      return SluiceError(
        code, said.reason, said.message, metadata: said.metadata ?? [:], requestID: said.requestId,
        retryAfter: said.retryAfterSeconds.map { .seconds($0) } ?? waits)
    }
    return SluiceError(
      Code(httpStatus: status), Reason.answerInvalid, "the server answered \(status), and not as Sluice does",
      metadata: ["http_status": String(status)], requestID: headers["x-request-id"], retryAfter: waits)
  }

  private struct Refusal: Decodable {
    var code: String
    var reason: String
    var message: String
    var metadata: [String: String]?
    var requestId: String?
    var retryAfterSeconds: Double?
  }
}

extension SluiceError.Code {
  init(httpStatus: Int) {
    switch httpStatus {
    case 400, 405, 415: self = .invalidArgument
    case 401: self = .unauthenticated
    case 403: self = .permissionDenied
    case 404, 410: self = .notFound
    case 409: self = .aborted
    case 412: self = .failedPrecondition
    case 408, 504: self = .deadlineExceeded
    case 413: self = .outOfRange
    case 429: self = .resourceExhausted
    case 502, 503: self = .unavailable
    case 501: self = .unimplemented
    case 500..<600: self = .internal
    default: self = .unknown
    }
  }
}
