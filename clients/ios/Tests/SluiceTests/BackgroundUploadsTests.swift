// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// With a session of the foreground kind, which this process can watch: what is the system's own in the background is not tested here.
@Suite(.timeLimit(.minutes(1))) struct BackgroundUploadsTests {
  typealias Reply = LoopbackServer.Reply

  let folder: TemporaryFolder
  let store: UploadStore

  init() throws {
    folder = try TemporaryFolder()
    store = try UploadStore(folder.url.appendingPathComponent("store"))
  }

  func uploads(broker: Broker? = nil, tus: TusServer? = nil, proof: CallerProof = .jwt { "j.w.t" }) -> BackgroundUploads {
    BackgroundUploads(
      identifier: "test", store: store, broker: broker,
      tus: tus.map { TusEndpoint($0.endpoint, proof: proof, rules: .counting()) }, rules: .counting(), configuration: .ephemeral)
  }

  /// The events of one upload until its end, and some time beyond, in which there must be no second end.
  func outcome(_ uploads: BackgroundUploads) async throws -> BackgroundUploads.Event {
    var end: BackgroundUploads.Event?
    for await event in uploads.events {
      switch event {
      case .finished, .failed:
        end = event
      case .progress, .waiting: continue
      }
      break
    }
    return try #require(end)
  }

  @Test func bytesLeaveByTusFromTheFileItself() async throws {
    let server = TusServer()
    let (file, data) = try folder.file(bytes: 2_500_000)
    let uploads = uploads(tus: server)

    let id = try await uploads.start(file, as: UploadOrder("a.bin"), by: .tus)
    let end = try await outcome(uploads)

    guard case .finished(id, let object) = end else { return #expect(Bool(false), "\(end)") }
    #expect(object.sizeBytes == UInt64(data.count))
    #expect(server.stored == data)
    #expect(server.methods == ["POST", "PATCH"], "all in one request, since each costs a wake")
    #expect(await store.all().isEmpty)
  }

  @Test func afterABreakTheRestLeavesFromASlice() async throws {
    let server = TusServer(takeOnly: { $0 == 1 ? 1_000_000 : nil })
    let (file, data) = try folder.file(bytes: 2_500_000)
    let uploads = uploads(tus: server)

    try await uploads.start(file, as: UploadOrder("a.bin"), by: .tus)
    let end = try await outcome(uploads)

    guard case .finished = end else { return #expect(Bool(false), "\(end)") }
    #expect(server.stored == data)
    #expect(server.methods == ["POST", "PATCH", "HEAD", "PATCH"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.appendingPathComponent("store").path).isEmpty)
  }

  @Test func aJWTThatEndedWhileTheSystemWaitedIsReplaced() async throws {
    let jwt = Shared("old")
    let server = TusServer { request, _ in
      guard request.method == "PATCH", request.headers["authorization"] == "Bearer old" else { return nil }
      jwt.with { $0 = "new" }
      return .refusal(401, "UNAUTHENTICATED", "TOKEN_EXPIRED")
    }
    let (file, data) = try folder.file(bytes: 100_000)
    let uploads = uploads(tus: server, proof: .jwt { jwt.current })

    try await uploads.start(file, as: UploadOrder("a.bin"), by: .tus)
    let end = try await outcome(uploads)

    guard case .finished = end else { return #expect(Bool(false), "\(end)") }
    #expect(server.stored == data)
  }

  @Test func anUploadThatCannotBeginIsToldToWhoStartsIt() async throws {
    let server = TusServer { _, _ in .refusal(403, "PERMISSION_DENIED", "GRANT_NOT_HELD") }
    let (file, _) = try folder.file(bytes: 100)
    let uploads = uploads(tus: server)

    let error = await failure { try await uploads.start(file, as: UploadOrder("a"), by: .tus) }

    #expect(error?.reason == "GRANT_NOT_HELD")
    #expect(await store.all().isEmpty)
  }

  @Test func anUploadThatIsRefusedLaterFailsOnce() async throws {
    let server = TusServer { request, _ in
      request.method == "PATCH" ? .refusal(403, "PERMISSION_DENIED", "LIMIT_EXCEEDED") : nil
    }
    let (file, _) = try folder.file(bytes: 100)
    let uploads = uploads(tus: server)

    let id = try await uploads.start(file, as: UploadOrder("a"), by: .tus)
    let end = try await outcome(uploads)

    guard case .failed(id, let error) = end else { return #expect(Bool(false), "\(end)") }
    #expect(error.reason == "LIMIT_EXCEEDED")
    #expect(await store.all().isEmpty)
  }

  @Test func anotherProcessGoesOnWithWhatTheFirstLeft() async throws {
    let server = TusServer()
    let (file, data) = try folder.file(bytes: 2 << 20)
    var saved = SavedUpload(.tus, try SourceFile(file), as: UploadOrder("a"))
    saved.location = Secret(server.seed(length: data.count, bytes: data.prefix(1 << 20)).absoluteString)
    try await store.save(saved)
    let uploads = uploads(tus: server)

    await uploads.reconnect()
    let end = try await outcome(uploads)

    guard case .finished(saved.id, _) = end else { return #expect(Bool(false), "\(end)") }
    #expect(server.stored == data)
    #expect(server.methods == ["HEAD", "PATCH"])
  }

  @Test func whatCannotGoOnNowWaitsForTheNextReconnect() async throws {
    let down = Shared(true)
    let server = TusServer { _, _ in down.current ? .refusal(503, "UNAVAILABLE", "GATEWAY_DRAINING") : nil }
    let (file, data) = try folder.file(bytes: 100_000)
    var saved = SavedUpload(.tus, try SourceFile(file), as: UploadOrder("a"))
    saved.location = Secret(server.seed(length: data.count, bytes: Data()).absoluteString)
    try await store.save(saved)
    let uploads = uploads(tus: server)
    var events = uploads.events.makeAsyncIterator()

    await uploads.reconnect()
    guard case .waiting(saved.id, _) = await events.next() else { return #expect(Bool(false)) }
    down.with { $0 = false }
    await uploads.reconnect()
    let end = try await outcome(uploads)

    guard case .finished(saved.id, _) = end else { return #expect(Bool(false), "\(end)") }
    #expect(server.stored == data)
  }

  @Test func anUploadThatIsGivenUpEndsOnceAndIsFreed() async throws {
    let hold = Hold(1)
    let server = TusServer(hold: hold)
    let (file, _) = try folder.file(bytes: 100_000)
    let uploads = uploads(tus: server)
    let id = try await uploads.start(file, as: UploadOrder("a"), by: .tus)
    #expect(try await eventually { await hold.isReached })

    await uploads.cancel(id)
    let end = try await outcome(uploads)

    guard case .failed(id, let error) = end else { return #expect(Bool(false), "\(end)") }
    #expect(error.code == .cancelled)
    #expect(await store.all().isEmpty)
    #expect(server.methods.last == "DELETE")
    await hold.open()
  }

  @Test func aPutIsSignedForTheSystemAndSignedAgainWhenItCameTooLate() async throws {
    let world = DirectWorld { request, count in
      count == 1 ? DirectWorld.xml(403, "AccessDenied", "Request has expired.") : DirectWorld.stored(request.body)
    }
    let (file, data) = try folder.file(bytes: 500_000)
    let uploads = uploads(broker: world.broker)

    let id = try await uploads.start(file, as: UploadOrder("a.jpg", contentType: "image/jpeg"), by: .put)
    let end = try await outcome(uploads)

    guard case .finished(id, let object) = end else { return #expect(Bool(false), "\(end)") }
    #expect(object.etag == "\"E1\"")
    #expect(world.puts.current.last?.body == data)
    #expect(world.signatures.current == 2)
  }

  @Test func theSystemIsToldWhenAllWasSeenTo() async throws {
    let uploads = uploads(tus: TusServer())
    let told = Shared(0)

    await uploads.wake { told.with { $0 += 1 } }
    await uploads.take(.allDelivered)
    await uploads.take(.allDelivered)

    #expect(told.current == 1)
  }
}
