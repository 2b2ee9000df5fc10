// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Turns what a session's delegate is told into one sequence, in its order. Tasks are known by their `taskDescription`, the one thing of
/// theirs that outlives the process.
final class TransferWatch: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  enum News: Sendable {
    case sent(UUID, UInt64)
    case ended(UUID, Result<HTTPAnswer, SluiceError>)
    /// The system has told all that happened while the app was away.
    case allDelivered
  }

  let news: AsyncStream<News>
  private let tell: AsyncStream<News>.Continuation
  private let lock = NSLock()
  private var bodies: [Int: Data] = [:]  // guarded by lock

  /// Of an answer's body; answers to uploads are short.
  private static let bodyLimit = 64 * 1024

  override init() {
    (news, tell) = AsyncStream.makeStream(of: News.self)
    super.init()
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    lock.withLock {
      let room = Self.bodyLimit - (bodies[dataTask.taskIdentifier]?.count ?? 0)
      bodies[dataTask.taskIdentifier, default: Data()].append(data.prefix(max(room, 0)))
    }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didSendBodyData bytesSent: Int64, totalBytesSent: Int64,
    totalBytesExpectedToSend: Int64
  ) {
    if let id = Self.id(of: task) { tell.yield(.sent(id, UInt64(max(totalBytesSent, 0)))) }
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    let body = lock.withLock { bodies.removeValue(forKey: task.taskIdentifier) } ?? Data()
    guard let id = Self.id(of: task) else { return }
    let result: Result<HTTPAnswer, SluiceError>
    do {
      if let error { throw error }
      result = .success(try HTTPAnswer(task.response, body))
    } catch {
      let meaning = HTTPClient.meaning(of: error) as? SluiceError
      result = .failure(meaning ?? SluiceError(.unavailable, SluiceError.Reason.unreachable, "the transfer ended"))
    }
    tell.yield(.ended(id, result))
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    completionHandler(nil)
  }

  #if canImport(Darwin)
  func urlSessionDidFinishEvents(forBackgroundURLSession session: URLSession) {
    tell.yield(.allDelivered)
  }
  #endif

  private static func id(of task: URLSessionTask) -> UUID? {
    task.taskDescription.flatMap(UUID.init)
  }
}
