// SPDX-License-Identifier: Apache-2.0
import Foundation

/// One upload under way. It ends exactly once, as `value` tells: by the object, by an error, or by `CancellationError`.
///
/// Letting go of this handle cancels the upload. What is stored of it stays, and whoever keeps its `SavedUpload` goes on later.
public final class Upload: Sendable {
  /// Told at the beginning and at each change, newest only; ends when the upload does. For one reader.
  public let progress: AsyncStream<UploadProgress>
  private let gate: Gate
  private let work: Task<StoredObject, any Error>

  /// `run` does the work, what can be paused through `gate`, and tells of it.
  package init(_ run: @escaping @Sendable (_ gate: Gate, _ tell: @escaping @Sendable (UploadProgress) -> Void) async throws -> StoredObject) {
    let (stream, continuation) = AsyncStream.makeStream(of: UploadProgress.self, bufferingPolicy: .bufferingNewest(1))
    let gate = Gate()
    self.gate = gate
    progress = stream
    work = Task {
      defer { continuation.finish() }
      return try await run(gate) { continuation.yield($0) }
    }
  }

  deinit {
    work.cancel()
  }

  /// The object. Being cancelled while waiting here cancels the upload.
  public var value: StoredObject {
    get async throws {
      try await withTaskCancellationHandler { try await work.value } onCancel: { work.cancel() }
    }
  }

  /// Stops sending until `resume`, and returns once nothing is under way; what is not stored yet is sent again then.
  public func pause() async {
    await gate.close()
  }

  public func resume() async {
    await gate.open()
  }

  public func cancel() {
    work.cancel()
  }
}

/// Lets an upload's work through or holds it back; what is under way when it closes is cancelled and comes again.
package actor Gate {
  private var isOpen = true
  private var current: (stop: @Sendable () -> Void, ended: @Sendable () async -> Void)?
  private var waiting: CheckedContinuation<Void, Never>?

  /// Until nothing is under way any more.
  func close() async {
    isOpen = false
    guard let current else { return }
    current.stop()
    await current.ended()
  }

  func open() {
    isOpen = true
    waiting?.resume()
    waiting = nil
  }

  /// What `work` gives, or nil where the gate closed meanwhile: then it was cancelled, and may have done its work or not.
  package func pass<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value? {
    await opened()
    try Task.checkCancellation()
    let running = Task { try await work() }
    current = (stop: { running.cancel() }, ended: { _ = await running.result })
    defer { current = nil }
    let result = await withTaskCancellationHandler { await running.result } onCancel: { running.cancel() }
    try Task.checkCancellation()
    if !isOpen, case .failure(let error) = result, error is CancellationError { return nil }
    return try result.get()
  }

  private func opened() async {
    while !isOpen, !Task.isCancelled {
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          if isOpen || Task.isCancelled { return continuation.resume() }
          waiting = continuation
        }
      } onCancel: {
        Task { await self.wake() }
      }
    }
  }

  private func wake() {
    waiting?.resume()
    waiting = nil
  }
}
