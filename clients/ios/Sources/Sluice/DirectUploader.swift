// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Puts a file into OSS with one request that the broker signed, for objects to 5 GiB. OSS takes it whole or not at all, so a break or a
/// pause starts it again; larger or more precious files go by tus.
public struct DirectUploader: Sendable {
  private let broker: Broker
  private let http: HTTPClient

  /// Holds to the broker's rules where it is given none of its own.
  public init(_ broker: Broker, rules: HTTPRules? = nil, session: HTTPSession = .shared) {
    self.broker = broker
    http = HTTPClient(session: session, proof: .anonymous, rules: rules ?? broker.rules)
  }

  /// Fails at once where there is no such file; all else the handle tells.
  public func upload(_ file: URL, as order: UploadOrder) throws -> Upload {
    let source = try SourceFile(file)
    return Upload { gate, tell in
      let crc64 = try CRC64.of(contentsOf: source.url)
      try source.checkUnchanged()
      return try await put(source, crc64, order, gate, tell)
    }
  }

  private func put(
    _ file: SourceFile, _ crc64: UInt64, _ order: UploadOrder, _ gate: Gate, _ tell: @escaping @Sendable (UploadProgress) -> Void
  ) async throws -> StoredObject {
    let size = file.sizeBytes
    var attempt = 0
    while true {
      tell(UploadProgress(sentBytes: 0, committedBytes: 0, totalBytes: size))
      let failure: SluiceError
      do {
        // Signed for each attempt: a URL that waited may have ended.
        let signed = try await broker.signURL(.put(order, size: size))
        let request = try signed.urls[0].request()
        let answer = try await gate.pass {
          try await http.send(request, body: .file(file.url), proven: false) { sent in
            tell(UploadProgress(sentBytes: sent, committedBytes: 0, totalBytes: size))
          }
        }
        guard let answer else { continue }
        let object = try OSSAnswer.stored(answer, path: order.path, size: size, crc64: crc64)
        tell(UploadProgress(sentBytes: size, committedBytes: size, totalBytes: size))
        return object
      } catch let error as SluiceError {
        failure = error
      }
      let wait = http.rules.wait(before: attempt, after: failure)
      attempt += 1
      guard failure.isRetryable, attempt < http.rules.attempts, wait <= http.rules.longestWait else { throw failure }
      try await http.rules.sleep(wait)
    }
  }
}

extension SignURLRequest {
  /// The PUT of a whole file.
  static func put(_ order: UploadOrder, size: UInt64, ttl: Duration? = nil) -> SignURLRequest {
    SignURLRequest(
      .put, order.path, grant: order.grant, ttl: ttl, contentType: order.contentType, contentLength: size,
      metadata: order.metadata, forbidOverwrite: !order.overwrite)
  }
}

extension SignedURL {
  public func request() throws -> URLRequest {
    guard let url = URL(string: url.reveal()) else {
      throw SluiceError(.internal, SluiceError.Reason.answerInvalid, "the broker signed what is no URL")
    }
    var request = URLRequest(url: url)
    request.httpMethod = httpMethod
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    return request
  }
}

/// What OSS's answers mean.
enum OSSAnswer {
  /// The object, or why there is none. 200 alone is success: 203 means that the object is there and its callback failed.
  static func stored(_ answer: HTTPAnswer, path: String, size: UInt64, crc64: UInt64?) throws -> StoredObject {
    guard answer.status == 200 else { throw refusal(answer) }
    let found = answer.headers["x-oss-hash-crc64ecma"].flatMap(UInt64.init)
    guard found == nil || crc64 == nil || found == crc64 else {
      throw SluiceError(.dataLoss, SluiceError.Reason.checksumMismatch, "OSS stored other bytes than were sent; upload again")
    }
    return StoredObject(
      path: path, sizeBytes: size, etag: answer.headers["etag"], crc64: found, versionID: answer.headers["x-oss-version-id"])
  }

  static func refusal(_ answer: HTTPAnswer) -> SluiceError {
    let text = String(decoding: answer.body.prefix(4096), as: UTF8.self)
    let code = element("Code", of: text) ?? String(answer.status)
    // An URL that ended is signed again; so is one whose clock OSS did not like.
    let ended = ["AccessDenied", "SecurityTokenExpired", "RequestTimeTooSkewed"].contains(code) && text.contains("xpired")
    if code == "FileAlreadyExists" {
      return SluiceError(.alreadyExists, "OBJECT_EXISTS", "there is an object of that key; choose another path, or set overwrite")
    }
    let busy = answer.status >= 500 || answer.status == 408 || answer.status == 429
    return SluiceError(
      busy || ended ? .unavailable : SluiceError.Code(httpStatus: answer.status), SluiceError.Reason.ossRefused,
      "OSS answered \(answer.status) \(code)", metadata: ["oss_code": code, "http_status": String(answer.status)],
      requestID: answer.headers["x-oss-request-id"])
  }

  private static func element(_ name: String, of text: String) -> String? {
    guard let open = text.range(of: "<\(name)>"), let close = text.range(of: "</\(name)>", range: open.upperBound..<text.endIndex) else {
      return nil
    }
    return String(text[open.upperBound..<close.lowerBound])
  }
}
