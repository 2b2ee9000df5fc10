// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A URLSession of the foreground for this library's requests. It follows no redirect, since a proof is for the server that was named.
public final class HTTPSession: Sendable {
  public static let shared = HTTPSession()

  private let exchanges = Exchanges()
  private let session: URLSession

  /// By default nothing is kept on disk: no cookies, no cache.
  public init(_ configuration: URLSessionConfiguration? = nil) {
    session = URLSession(configuration: configuration ?? Self.standard, delegate: exchanges, delegateQueue: nil)
  }

  deinit {
    session.finishTasksAndInvalidate()
  }

  func exchange(_ request: URLRequest, _ body: HTTPBody, sent: SentBytes?) async throws -> HTTPAnswer {
    let task =
      switch body {
      case .none: session.dataTask(with: request)
      case .data(let data): session.uploadTask(with: request, from: data)
      case .file(let file): session.uploadTask(with: request, fromFile: file)
      }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        exchanges.begin(task, continuation, sent: sent)
        task.resume()
      }
    } onCancel: {
      task.cancel()
    }
  }

  private static var standard: URLSessionConfiguration {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = 60
    configuration.urlCache = nil
    configuration.httpCookieStorage = nil
    return configuration
  }
}

/// Those under way, each with the one who waits for it.
private final class Exchanges: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  private struct Pending {
    var continuation: CheckedContinuation<HTTPAnswer, any Error>
    var sent: SentBytes?
    var body = Data()
  }

  private let lock = NSLock()
  private var pending: [Int: Pending] = [:]  // guarded by lock

  /// Of an answer: the broker's largest, a hundred signed URLs, is a tenth of it.
  private static let answerLimit = 4 << 20

  func begin(_ task: URLSessionTask, _ continuation: CheckedContinuation<HTTPAnswer, any Error>, sent: SentBytes?) {
    lock.withLock { pending[task.taskIdentifier] = Pending(continuation: continuation, sent: sent) }
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let fits = lock.withLock {
      pending[dataTask.taskIdentifier]?.body.append(data)
      return pending[dataTask.taskIdentifier].map { $0.body.count <= Self.answerLimit } ?? false
    }
    if !fits { dataTask.cancel() }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didSendBodyData bytesSent: Int64, totalBytesSent: Int64,
    totalBytesExpectedToSend: Int64
  ) {
    lock.withLock { pending[task.taskIdentifier]?.sent }?(UInt64(max(totalBytesSent, 0)))
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    guard let ended = lock.withLock({ pending.removeValue(forKey: task.taskIdentifier) }) else { return }
    if let error { return ended.continuation.resume(throwing: error) }
    ended.continuation.resume(with: Result { try HTTPAnswer(task.response, ended.body) })
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    completionHandler(nil)
  }
}
