// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(1))) struct TokenProviderTests {
  /// A broker that answers when the test lets it, on a clock that the test moves.
  final class Desk: Sendable {
    let start = ContinuousClock.now
    let elapsed = Shared(Duration.zero)
    let calls = Shared(0)
    let answers: AsyncStream<Result<Token, any Error>>
    let answer: AsyncStream<Result<Token, any Error>>.Continuation

    init() {
      (answers, answer) = AsyncStream.makeStream()
    }

    /// Answers with what the test gives, in its order.
    func provider() -> TokenProvider {
      TokenProvider(now: { self.start + self.elapsed.current }) {
        self.calls.with { $0 += 1 }
        for await answer in self.answers { return try answer.get() }
        throw CancellationError()
      }
    }
  }

  @Test func manyWhoAskAtOnceCauseOneRequest() async throws {
    let desk = Desk()
    let provider = desk.provider()
    let asking = (0..<64).map { _ in Task { try await provider.token().credentials.accessKeyID } }
    #expect(try await eventually { desk.calls.current == 1 })

    desk.answer.yield(.success(try token()))

    for one in asking { #expect(try await one.value == "STS.1") }
    #expect(desk.calls.current == 1)
  }

  @Test func aTokenServesUntilRefreshAfterByTheBrokersClock() async throws {
    let desk = Desk()
    let provider = desk.provider()
    desk.answer.yield(.success(try token()))
    _ = try await provider.token()

    desk.elapsed.with { $0 = .seconds(44 * 60 - 1) }
    _ = try await provider.token()

    #expect(desk.calls.current == 1)
  }

  @Test func afterRefreshAfterTheOldServesWhileTheNewIsFetched() async throws {
    let desk = Desk()
    let provider = desk.provider()
    desk.answer.yield(.success(try token("STS.old")))
    _ = try await provider.token()
    desk.elapsed.with { $0 = .seconds(44 * 60) }

    #expect(try await provider.token().credentials.accessKeyID == "STS.old")
    #expect(try await eventually { desk.calls.current == 2 })
    #expect(try await provider.token().credentials.accessKeyID == "STS.old")
    desk.answer.yield(.success(try token("STS.new")))

    #expect(try await eventually { try await provider.token().credentials.accessKeyID == "STS.new" })
    #expect(desk.calls.current == 2)
  }

  @Test func whatHasLessThanAMinuteLeftIsNotGivenOut() async throws {
    let desk = Desk()
    let provider = desk.provider()
    desk.answer.yield(.success(try token("STS.old")))
    _ = try await provider.token()
    desk.elapsed.with { $0 = .seconds(59 * 60) }
    desk.answer.yield(.success(try token("STS.new")))

    #expect(try await provider.token().credentials.accessKeyID == "STS.new")
  }

  @Test func aFailedRefreshLeavesTheOldServingAndTheBrokerAlone() async throws {
    let desk = Desk()
    let provider = desk.provider()
    desk.answer.yield(.success(try token("STS.old")))
    _ = try await provider.token()
    desk.elapsed.with { $0 = .seconds(45 * 60) }
    desk.answer.yield(.failure(SluiceError(.unavailable, "STS_UNREACHABLE", "", retryAfter: .seconds(30))))
    _ = try await provider.token()
    #expect(try await eventually { desk.calls.current == 2 })

    desk.elapsed.with { $0 = .seconds(45 * 60 + 29) }
    for _ in 0..<100 { #expect(try await provider.token().credentials.accessKeyID == "STS.old") }

    #expect(desk.calls.current == 2)
  }

  @Test func aFailureIsToldToAllWhoWaitAndThenForgotten() async throws {
    let desk = Desk()
    let provider = desk.provider()
    let asking = (0..<8).map { _ in Task { try await provider.token() } }
    #expect(try await eventually { desk.calls.current == 1 })
    try await Task.sleep(for: .milliseconds(50))
    desk.answer.yield(.failure(SluiceError(.unavailable, "STS_UNREACHABLE", "")))
    for one in asking { await #expect(throws: SluiceError.self) { try await one.value } }

    desk.answer.yield(.success(try token()))

    #expect(try await provider.token().credentials.accessKeyID == "STS.1")
  }

  @Test func oneWhoIsCancelledLeavesAtOnceAndTheOthersStay() async throws {
    let desk = Desk()
    let provider = desk.provider()
    let leaving = Task { try await provider.token() }
    let staying = Task { try await provider.token() }
    #expect(try await eventually { desk.calls.current == 1 })

    leaving.cancel()
    await #expect(throws: CancellationError.self) { try await leaving.value }
    desk.answer.yield(.success(try token()))

    #expect(try await staying.value.credentials.accessKeyID == "STS.1")
    #expect(desk.calls.current == 1)
  }

  @Test func anInvalidatedTokenIsFetchedAnew() async throws {
    let desk = Desk()
    let provider = desk.provider()
    desk.answer.yield(.success(try token("STS.old")))
    _ = try await provider.token()
    await provider.invalidate()
    desk.answer.yield(.success(try token("STS.new")))

    #expect(try await provider.token().credentials.accessKeyID == "STS.new")
  }

  @Test func aThreadMayBlockForAToken() async throws {
    let desk = Desk()
    let provider = desk.provider()
    desk.answer.yield(.success(try token()))

    let id = await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: try? provider.blockingToken().credentials.accessKeyID) }
    }

    #expect(id == "STS.1")
  }

  @Test func aThreadThatBlocksGivesUpInTime() async throws {
    let provider = Desk().provider()

    let error = await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        do {
          _ = try provider.blockingToken(limit: .milliseconds(50))
          continuation.resume(returning: nil as SluiceError?)
        } catch { continuation.resume(returning: error as? SluiceError) }
      }
    }

    #expect(error?.code == .deadlineExceeded)
  }
}
