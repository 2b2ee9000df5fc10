// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(1))) struct BrokerTests {
  typealias Reply = LoopbackServer.Reply

  static func busy(_ seconds: Int) -> Reply {
    .refusal(429, "RESOURCE_EXHAUSTED", "STS_BUDGET_SPENT", retryAfter: seconds)
  }

  @Test func aTokenIsReadAsItIsWritten() async throws {
    let server = LoopbackServer { _ in .json(200, tokenJSON(server: "2026-11-29T09:00:00.250Z")) }
    let broker = Broker(server.url, proof: .jwt { "j.w.t" })

    let token = try await broker.issueToken(TokenRequest(grant: "photos", path: "a/", operations: [.upload], ttl: .seconds(900)))

    #expect(token.credentials.accessKeyID == "STS.1")
    #expect(token.credentials.accessKeySecret.reveal() == "very-secret")
    #expect(token.scope.target == .prefix("uploads/alice/"))
    #expect(token.scope.operations == [.upload])
    #expect(abs(token.expireTime.timeIntervalSince(token.serverTime) - 3599.75) < 0.001)
    let asked = server.requests[0]
    #expect(asked.path == "/v1/tokens:issue" && asked.method == "POST")
    #expect(asked.headers["authorization"] == "Bearer j.w.t")
    #expect(asked.headers["content-type"] == "application/json")
    #expect(
      String(decoding: asked.body, as: UTF8.self) == #"{"grant":"photos","operations":["OPERATION_UPLOAD"],"path":"a/","ttl":"900s"}"#)
  }

  @Test func whatIsEmptyIsNotSent() async throws {
    let server = LoopbackServer { _ in .json(200, tokenJSON()) }

    _ = try await Broker(server.url, proof: .anonymous).issueToken()

    #expect(String(decoding: server.requests[0].body, as: UTF8.self) == "{}")
    #expect(server.requests[0].headers["authorization"] == nil)
  }

  @Test func aRefusalIsATypedError() async throws {
    let server = LoopbackServer { _ in .refusal(403, "PERMISSION_DENIED", "SCOPE_NOT_GRANTED", metadata: #"{"grant": "photos"}"#) }
    let broker = Broker(server.url, proof: .anonymous, rules: .counting())

    let error = await failure { try await broker.issueToken() }

    #expect(
      error
        == SluiceError(.permissionDenied, "SCOPE_NOT_GRANTED", "so it is", metadata: ["grant": "photos"], requestID: "r1"))
    #expect(server.requests.count == 1)
  }

  @Test func whatMayPassIsAskedAgainAfterTheDelayTold() async throws {
    let slept = Shared<[Duration]>([])
    let left = Shared(2)
    let server = LoopbackServer { _ in left.with { $0 -= 1; return $0 >= 0 } ? Self.busy(3) : .json(200, tokenJSON()) }

    let token = try await Broker(server.url, proof: .anonymous, rules: .counting(slept)).issueToken()

    #expect(token.grantID == "g1")
    #expect(slept.current == [.seconds(3), .seconds(3)])
  }

  @Test func aLongDelayIsTheCallersToWait() async throws {
    let server = LoopbackServer { _ in Self.busy(40) }
    let broker = Broker(server.url, proof: .anonymous, rules: .counting())

    let error = await failure { try await broker.issueToken() }

    #expect(server.requests.count == 1)
    #expect(error?.retryAfter == .seconds(40) && error?.isRetryable == true)
  }

  @Test func theProofIsAskedForAtEachAttempt() async throws {
    let count = Shared(0)
    let server = LoopbackServer { request in
      request.headers["authorization"] == "Bearer jwt2" ? .json(200, tokenJSON()) : Self.busy(0)
    }
    let proof = CallerProof.jwt { count.with { $0 += 1; return "jwt\($0)" } }

    _ = try await Broker(server.url, proof: proof, rules: .counting()).issueToken()

    #expect(server.requests.map { $0.headers["authorization"] } == ["Bearer jwt1", "Bearer jwt2"])
  }

  @Test func aServerThatIsNotThereIsUnavailable() async throws {
    let gone = { LoopbackServer { _ in .cut } }().url
    let broker = Broker(gone, proof: .anonymous, rules: .counting())

    let error = await failure { try await broker.issueToken() }

    #expect(error?.code == .unavailable && error?.reason == SluiceError.Reason.unreachable)
  }

  @Test func anAnswerOfAProxyIsNamedAsSuch() async throws {
    let server = LoopbackServer { _ in Reply(status: 404, body: Data("<html>".utf8)) }
    let broker = Broker(server.url, proof: .anonymous)

    let error = await failure { try await broker.issueToken() }

    #expect(error?.reason == SluiceError.Reason.answerInvalid && error?.metadata["http_status"] == "404")
  }

  @Test func anAnswerThatIsNotTheProtosIsRefusedWithoutQuotingIt() async throws {
    let server = LoopbackServer { _ in .json(200, #"{"credentials": {"accessKeyId": "STS.1", "accessKeySecret": "very-secret"}}"#) }
    let broker = Broker(server.url, proof: .anonymous)

    let error = await failure { try await broker.issueToken() }

    #expect(error?.reason == SluiceError.Reason.answerInvalid)
    #expect(error.map { !"\($0)".contains("very-secret") } == true)
  }

  @Test func aRedirectIsNotFollowed() async throws {
    let other = LoopbackServer { _ in .json(200, tokenJSON()) }
    let server = LoopbackServer { [url = other.url] _ in Reply(status: 307, headers: ["Location": url.absoluteString]) }
    let broker = Broker(server.url, proof: .jwt { "j.w.t" }, rules: .counting())

    await #expect(throws: SluiceError.self) { try await broker.issueToken() }

    #expect(other.requests.isEmpty)
  }

  @Test func plainHTTPToAnotherHostIsRefusedBeforeAnythingIsSent() async throws {
    let asked = Shared(false)
    let broker = Broker(URL(string: "http://broker.invalid")!, proof: .jwt { asked.with { $0 = true }; return "j.w.t" })

    let error = await failure { try await broker.issueToken() }

    #expect(error?.reason == SluiceError.Reason.addressInsecure)
    #expect(!asked.current)
  }

  @Test func aCancelledTaskEndsByCancellation() async throws {
    let arrived = Shared(false)
    let server = LoopbackServer { _ in
      arrived.with { $0 = true }
      try? await Task.sleep(for: .seconds(20))
      return .cut
    }
    let broker = Broker(server.url, proof: .anonymous)
    let asking = Task { try await broker.issueToken() }
    #expect(try await eventually { arrived.current })

    asking.cancel()

    await #expect(throws: CancellationError.self) { try await asking.value }
  }

  @Test func noSecretIsPrinted() throws {
    let held = try token()
    var dumped = ""
    dump(held, to: &dumped)

    for text in ["\(held)", String(reflecting: held), dumped] {
      #expect(!text.contains("very-secret") && !text.contains("also-secret"))
    }
  }
}
