// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

@Suite struct TusMachineTests {
  static let endpoint = URL(string: "https://gateway.example.com:8081/files/")!
  static let upload = URL(string: "https://gateway.example.com:8081/files/abc")!

  static func machine(at location: URL? = nil, patience: Duration = .seconds(300)) -> TusMachine {
    TusMachine(endpoint: endpoint, size: 100, location: location, patience: patience)
  }

  static func answer(_ status: Int, _ headers: [String: String] = [:], reason: String? = nil, code: String = "ABORTED") -> HTTPAnswer {
    let body = reason.map { #"{"code": "\#(code)", "reason": "\#($0)", "message": "so it is", "metadata": {"least_bytes": "50"}}"# } ?? ""
    return HTTPAnswer(status: status, headers: headers, body: Data(body.utf8))
  }

  /// Sending from 10 on.
  static func sending() -> TusMachine {
    var machine = machine(at: upload)
    machine.take(answer(200, ["upload-offset": "10", "upload-length": "100"]))
    return machine
  }

  @Test func aNewUploadIsCreatedThenSentFromItsStart() {
    var machine = Self.machine()
    #expect(machine.step == .create)
    machine.take(Self.answer(201, ["location": "/files/abc", "upload-expires": "Sun, 29 Nov 2026 09:00:00 GMT"]))
    #expect(machine.step == .send(Self.upload, from: 0))
    #expect(machine.expires == ProtoJSON.time("2026-11-29T09:00:00Z"))
  }

  @Test func aCreationThatTookTheWholeIsDone() {
    var machine = Self.machine()
    machine.take(Self.answer(201, ["location": "/files/abc", "upload-offset": "100"]))
    #expect(machine.step == .done)
  }

  @Test(arguments: ["https://elsewhere.example.com/files/abc", "http://gateway.example.com:8081/files/abc", "https://gateway.example.com/files/abc"])
  func anUploadAtAnotherServerIsRefusedSinceProofsWouldGoThere(_ location: String) {
    var machine = Self.machine()
    machine.take(Self.answer(201, ["location": location]))
    #expect(machine.failure?.reason == SluiceError.Reason.answerInvalid)
  }

  @Test func aSavedUploadIsAskedForFirst() {
    var machine = Self.machine(at: Self.upload)
    #expect(machine.step == .ask(Self.upload))
    machine.take(Self.answer(200, ["upload-offset": "100", "upload-length": "100"]))
    #expect(machine.step == .done)
  }

  @Test func anUploadOfAnotherLengthIsNotGoneOnWith() {
    var machine = Self.machine(at: Self.upload)
    machine.take(Self.answer(200, ["upload-offset": "10", "upload-length": "99"]))
    #expect(machine.failure?.reason == SluiceError.Reason.fileChanged)
  }

  @Test func lessThanWasSentMayHaveBeenStored() {
    var machine = Self.sending()
    machine.take(Self.answer(204, ["upload-offset": "60"]))
    #expect(machine.step == .send(Self.upload, from: 60))
    #expect(machine.committed == 60)
  }

  @Test(arguments: [nil, "9", "101", "x"])
  func anOffsetThatCannotBeEndsTheUpload(_ offset: String?) {
    var machine = Self.sending()
    machine.take(Self.answer(204, offset.map { ["upload-offset": $0] } ?? [:]))
    #expect(machine.failure?.reason == SluiceError.Reason.answerInvalid)
  }

  @Test(arguments: [404, 410])
  func anUploadThatIsGoneIsStartedAgainButNotForEver(_ status: Int) {
    var machine = Self.sending()
    for _ in 0..<2 {
      machine.take(Self.answer(status, reason: "UPLOAD_NOT_FOUND", code: "NOT_FOUND"))
      #expect(machine.step == .create && machine.committed == 0)
      machine.take(Self.answer(201, ["location": "/files/abc"]))
    }
    machine.take(Self.answer(status, reason: "UPLOAD_NOT_FOUND", code: "NOT_FOUND"))
    #expect(machine.failure?.reason == "UPLOAD_NOT_FOUND")
  }

  @Test(arguments: [nil, "OFFSET_MISMATCH", "OFFSET_GAP", "STREAM_REPLACED"])
  func aConflictOfOffsetsIsSettledByAsking(_ reason: String?) {
    var machine = Self.sending()
    machine.take(Self.answer(409, reason: reason))
    #expect(machine.step == .ask(Self.upload))
    #expect(machine.wait == .zero)
  }

  @Test func anObjectThatExistsIsTheEnd() {
    var machine = Self.sending()
    machine.take(Self.answer(403, reason: "OBJECT_EXISTS", code: "ALREADY_EXISTS"))
    #expect(machine.failure?.code == .alreadyExists)
  }

  @Test func aLockOfAnotherServerIsWaitedFor() {
    var machine = Self.sending()
    machine.take(Self.answer(423))
    #expect(machine.step == .ask(Self.upload))
    #expect(machine.wait > .zero)
  }

  @Test func aJWTThatEndedOnTheWayIsTriedWithTheNextOne() {
    var machine = Self.sending()
    for _ in 0..<2 {
      machine.take(Self.answer(401, reason: "TOKEN_EXPIRED", code: "UNAUTHENTICATED"))
      #expect(machine.step == .ask(Self.upload))
    }
    machine.take(Self.answer(401, reason: "TOKEN_EXPIRED", code: "UNAUTHENTICATED"))
    #expect(machine.failure?.reason == "TOKEN_EXPIRED")
  }

  @Test func headersThatPassWhileBodiesDoNotEndToo() {
    var machine = Self.sending()
    for _ in 0..<3 {
      machine.take(Self.answer(401, reason: "TOKEN_EXPIRED", code: "UNAUTHENTICATED"))
      if machine.failure == nil { machine.take(Self.answer(200, ["upload-offset": "10"])) }
    }
    #expect(machine.failure?.reason == "TOKEN_EXPIRED")
  }

  @Test func spoiledBytesAreSentAgainThreeTimes() {
    var machine = Self.sending()
    for _ in 0..<2 {
      machine.take(Self.answer(460, reason: "CHECKSUM_MISMATCH", code: "DATA_LOSS"))
      #expect(machine.step == .ask(Self.upload))
      machine.take(Self.answer(200, ["upload-offset": "10"]))
    }
    machine.take(Self.answer(460, reason: "CHECKSUM_MISMATCH", code: "DATA_LOSS"))
    #expect(machine.failure?.code == .dataLoss)
  }

  @Test func aPieceThatStoresNothingIsMadeLarger() {
    var machine = Self.sending()
    machine.take(Self.answer(400, reason: "CHUNK_TOO_SMALL", code: "INVALID_ARGUMENT"))
    #expect(machine.step == .send(Self.upload, from: 10))
    #expect(machine.leastPiece == 50)
    machine.take(Self.answer(400, reason: "CHUNK_TOO_SMALL", code: "INVALID_ARGUMENT"))
    #expect(machine.failure?.reason == "CHUNK_TOO_SMALL")
  }

  @Test(arguments: [(503, nil), (500, nil), (502, nil), (503, "GATEWAY_DRAINING")])
  func troubleIsWaitedOutAndAskedAbout(_ status: Int, _ reason: String?) {
    var machine = Self.sending()
    machine.take(Self.answer(status, ["retry-after": "7"], reason: reason, code: "UNAVAILABLE"))
    #expect(machine.step == .ask(Self.upload))
    #expect(machine.wait >= .seconds(7))
  }

  @Test func aFiveHundredThatSaysItIsForeverIsTheEnd() {
    var machine = Self.sending()
    machine.take(Self.answer(500, reason: "OSS_REFUSED", code: "FAILED_PRECONDITION"))
    #expect(machine.failure?.reason == "OSS_REFUSED")
  }

  @Test func patienceEndsWhereNothingIsStored() {
    let start = ContinuousClock.now
    var machine = TusMachine(endpoint: Self.endpoint, size: 100, location: Self.upload, patience: .seconds(60), now: start)
    let broken = SluiceError(.unavailable, SluiceError.Reason.unreachable, "")
    machine.take(broken, now: start + .seconds(59))
    #expect(machine.failure == nil)
    machine.take(Self.answer(200, ["upload-offset": "10"]), now: start + .seconds(59))
    machine.take(broken, now: start + .seconds(118))
    #expect(machine.failure == nil)
    machine.take(broken, now: start + .seconds(119))
    #expect(machine.failure?.reason == SluiceError.Reason.patienceEnded)
  }

  @Test func waitsGrowWhileNothingIsStored() {
    var machine = Self.sending()
    var waits: [Duration] = []
    for _ in 0..<8 {
      machine.take(SluiceError(.unavailable, SluiceError.Reason.unreachable, ""))
      waits.append(machine.wait)
    }
    #expect(waits[0] <= .milliseconds(200))
    #expect(waits[7] >= .seconds(5) && waits[7] <= .seconds(10))
  }

  @Test func anEmptyFileIsDoneWhenItIsCreated() {
    var machine = TusMachine(endpoint: Self.endpoint, size: 0)
    machine.take(Self.answer(201, ["location": "/files/abc"]))
    #expect(machine.step == .done)
  }
}

extension TusMachine {
  var failure: SluiceError? {
    if case .fail(let error) = step { error } else { nil }
  }
}
