// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// What this library holds to on the way to a server.
public struct HTTPRules: Sendable {
  /// Plain http to other hosts than this device: only for a demo on one's own network. Off, it fails with `ADDRESS_INSECURE`.
  public var allowsPlainHTTP = false
  /// How often a request that may be repeated is made in all.
  public var attempts = 4
  /// Waits between attempts grow from a fifth of a second to this, unless the server says how long.
  public var longestWait: Duration = .seconds(10)
  /// Sleeps between attempts. For tests.
  public var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

  public init(allowsPlainHTTP: Bool = false) {
    self.allowsPlainHTTP = allowsPlainHTTP
  }

  /// With jitter, so that a crowd that failed together does not come back together.
  package func wait(before attempt: Int, after error: SluiceError?) -> Duration {
    let grown = min(Duration.milliseconds(200) * (1 << min(attempt, 10)), longestWait)
    let jittered = grown * Double.random(in: 0.5...1)
    return max(jittered, error?.retryAfter ?? .zero)
  }
}

/// An answer, whatever its status.
struct HTTPAnswer: Sendable {
  var status: Int
  /// By lower-case names.
  var headers: [String: String]
  var body: Data

  var isSuccess: Bool { (200..<300).contains(status) }
  var error: SluiceError { .from(status: status, headers: headers, body: body) }
}

extension HTTPAnswer {
  init(_ response: URLResponse?, _ body: Data) throws {
    guard let response = response as? HTTPURLResponse else {
      throw SluiceError(.unavailable, SluiceError.Reason.unreachable, "the server did not answer in HTTP")
    }
    status = response.statusCode
    headers = Dictionary(
      response.allHeaderFields.map { (String(describing: $0).lowercased(), String(describing: $1)) },
      uniquingKeysWith: { first, _ in first })
    self.body = body
  }
}

/// Sends single requests. Ends by an answer, a `SluiceError`, or `CancellationError` where the task was cancelled: never otherwise.
struct HTTPClient: Sendable {
  let session: HTTPSession
  let proof: CallerProof
  let rules: HTTPRules

  /// With the caller's proof of this moment, unless `proven` is off, as for OSS's signed URLs.
  func send(_ request: URLRequest, body: HTTPBody = .none, proven: Bool = true, sent: SentBytes? = nil) async throws -> HTTPAnswer {
    try Task.checkCancellation()
    var request = request
    try rules.check(request.url)
    if proven, let (name, value) = try await proof.current() { request.setValue(value, forHTTPHeaderField: name) }
    do {
      return try await session.exchange(request, body, sent: sent)
    } catch {
      throw Self.meaning(of: error)
    }
  }

  /// As `send`, until the answer is a success or cannot become one. Only for what may be repeated.
  func sendRepeatedly(_ request: URLRequest, body: HTTPBody = .none, proven: Bool = true) async throws -> HTTPAnswer {
    for attempt in 0... {
      let failure: SluiceError
      do {
        let answer = try await send(request, body: body, proven: proven)
        if answer.isSuccess { return answer }
        failure = answer.error
      } catch let error as SluiceError {
        failure = error
      }
      let wait = rules.wait(before: attempt, after: failure)
      // A wait that is longer than ours is the caller's to decide on: the error says how long.
      guard failure.isRetryable, attempt + 1 < rules.attempts, wait <= rules.longestWait else { throw failure }
      try await rules.sleep(wait)
    }
    preconditionFailure("the loop ends by return or throw")
  }

  static func meaning(of error: any Error) -> any Error {
    if error is CancellationError || error is SluiceError { return error }
    let failure = error as NSError
    if failure.domain == NSURLErrorDomain {
      if failure.code == NSURLErrorCancelled, Task.isCancelled { return CancellationError() }
      if failure.code == NSURLErrorTimedOut {
        return SluiceError(.deadlineExceeded, SluiceError.Reason.unreachable, "the server did not answer in time")
      }
      return SluiceError(
        .unavailable, SluiceError.Reason.unreachable, "the server could not be reached, or the connection broke",
        metadata: ["url_error": String(failure.code)])
    }
    return error
  }
}

enum HTTPBody: Sendable {
  case none
  case data(Data)
  case file(URL)
}

/// Told how much of a body has been handed to the network.
typealias SentBytes = @Sendable (UInt64) -> Void

extension HTTPRules {
  func check(_ url: URL?) throws {
    guard let url, let host = url.host, url.scheme == "https" || url.scheme == "http" else {
      throw SluiceError(.invalidArgument, SluiceError.Reason.addressInsecure, "the address is no http or https URL")
    }
    let local = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host)
    guard url.scheme == "https" || local || allowsPlainHTTP else {
      throw SluiceError(
        .invalidArgument, SluiceError.Reason.addressInsecure, "\(host) is asked over plain http; use https, or set allowsPlainHTTP for a demo")
    }
  }
}
