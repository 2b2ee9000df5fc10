// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Keeps one token good for all who need it.
///
/// However many ask at once, one request is made: the others wait for its answer. From `refreshAfter` on a new one is fetched while the old
/// still serves; only where that has less than a minute left do callers wait. The device's clock is never believed: lives are counted from
/// the broker's `serverTime` on a clock that nobody sets. A failed fetch is told to those who wait and forgotten, so the next call tries
/// again. A caller who is cancelled leaves at once, and the fetch goes on for the others.
public actor TokenProvider {
  private struct Held {
    var token: Token
    var refreshAt: ContinuousClock.Instant
    var endsAt: ContinuousClock.Instant
  }

  private let fetch: @Sendable () async throws -> Token
  private let now: @Sendable () -> ContinuousClock.Instant
  private var held: Held?
  private var fetching: Task<Void, Never>?
  private var waiters: [Int: CheckedContinuation<Token, any Error>] = [:]
  private var waitersSeen = 0

  /// How much life a token must have to be given out while a new one is fetched.
  private static let margin: Duration = .seconds(60)
  /// How long the broker is left alone after a failure while the old token serves.
  private static let pause: Duration = .seconds(10)

  /// `now` is for tests.
  public init(
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, fetch: @escaping @Sendable () async throws -> Token
  ) {
    self.now = now
    self.fetch = fetch
  }

  /// Of one broker, for one request.
  public init(_ broker: Broker, _ request: TokenRequest = TokenRequest()) {
    self.init { try await broker.issueToken(request) }
  }

  deinit {
    fetching?.cancel()
  }

  /// A token that is good now.
  public func token() async throws -> Token {
    try Task.checkCancellation()
    if let held, now() < held.refreshAt { return held.token }
    if fetching == nil { beginFetch() }
    if let held, now() < held.endsAt - Self.margin { return held.token }
    return try await nextAnswer()
  }

  /// Forgets the token, as after OSS refused it.
  public func invalidate() {
    held = nil
  }

  private func beginFetch() {
    let began = now()
    fetching = Task { [fetch, weak self] in
      let result: Result<Token, any Error>
      do { result = .success(try await fetch()) } catch { result = .failure(error) }
      await self?.settle(result, began: began)
    }
  }

  private func settle(_ result: Result<Token, any Error>, began: ContinuousClock.Instant) {
    fetching = nil
    switch result {
    case .success(let token):
      // Counted from before the question, so that the way there and back is never taken for life.
      let life = token.expireTime.timeIntervalSince(token.serverTime)
      let fresh = token.refreshAfter.timeIntervalSince(token.serverTime)
      held = Held(token: token, refreshAt: began + .seconds(fresh), endsAt: began + .seconds(life))
    case .failure(let error):
      held?.refreshAt = now() + max(Self.pause, (error as? SluiceError)?.retryAfter ?? .zero)
    }
    let told = waiters.values
    waiters = [:]
    for waiter in told { waiter.resume(with: result) }
  }

  private func nextAnswer() async throws -> Token {
    waitersSeen += 1
    let id = waitersSeen
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
        waiters[id] = continuation
      }
    } onCancel: {
      Task { await self.leave(id) }
    }
  }

  private func leave(_ id: Int) {
    waiters.removeValue(forKey: id)?.resume(throwing: CancellationError())
  }
}

extension TokenProvider {
  /// For code that cannot wait otherwise, as the stock OSS SDK's getter on its own thread: blocks that thread until there is a token, an
  /// error, or `limit` has passed. Never to be called on the main thread.
  @available(*, noasync, message: "await token() instead")
  public nonisolated func blockingToken(limit: Duration = .seconds(30)) throws -> Token {
    dispatchPrecondition(condition: .notOnQueue(.main))
    let answer = Handover<Result<Token, any Error>>()
    let asking = Task {
      do { answer.give(.success(try await token())) } catch { answer.give(.failure(error)) }
    }
    guard let result = answer.take(within: limit) else {
      asking.cancel()
      throw SluiceError(.deadlineExceeded, SluiceError.Reason.unreachable, "there was no token within \(limit)")
    }
    return try result.get()
  }
}

/// Hands one value from a task to a thread that blocks for it.
private final class Handover<Value: Sendable>: @unchecked Sendable {
  private let given = DispatchSemaphore(value: 0)
  private let lock = NSLock()
  private var value: Value?  // guarded by lock

  func give(_ value: Value) {
    lock.withLock { self.value = value }
    given.signal()
  }

  func take(within limit: Duration) -> Value? {
    let seconds = Double(limit.components.seconds) + Double(limit.components.attoseconds) / 1e18
    _ = given.wait(timeout: .now() + seconds)
    return lock.withLock { value }
  }
}
