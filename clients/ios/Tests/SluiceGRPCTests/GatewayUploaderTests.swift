// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCInProcessTransport
import GRPCProtobuf
import Sluice
import SluiceStubs
import Testing

@testable import SluiceGRPC

@Suite(.timeLimit(.minutes(1))) struct GatewayUploaderTests {
  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  typealias Uploader = GatewayUploader<InProcessTransport.Client>

  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  static func drained(committed: String = "0") -> RPCError {
    RPCError(
      GoogleRPCStatus(
        code: .unavailable, message: "elsewhere",
        details: [
          .errorInfo(reason: "GATEWAY_DRAINING", domain: "sluice", metadata: ["committed_bytes": committed]), .retryInfo(delay: .zero),
        ]))
  }

  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  static func refused(_ code: RPCError.Code, _ reason: String) -> RPCError {
    RPCError(GoogleRPCStatus(code: code, message: "no", details: [.errorInfo(reason: reason, domain: "sluice", metadata: [:])]))
  }

  /// Runs `body` with an uploader whose gateway is `fake`, and with a file.
  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  func with(
    _ fake: GatewayFake, bytes: Int = 3_500_000, _ body: (Uploader, URL, Data, UploadStore) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-grpc-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = Data((0..<bytes / 8 + 1).flatMap { withUnsafeBytes(of: UInt64($0) &* 0x9E37_79B9_7F4A_7C15) { Array($0) } }.prefix(bytes))
    let file = folder.appendingPathComponent("file.bin")
    try data.write(to: file)
    let store = try UploadStore(folder.appendingPathComponent("store"))
    var rules = HTTPRules()
    rules.sleep = { _ in try Task.checkCancellation() }

    let transport = InProcessTransport()
    let server = GRPCServer(transport: transport.server, services: [fake])
    let client = GRPCClient(transport: transport.client)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.serve() }
      group.addTask { try await client.runConnections() }
      try await body(Uploader(client, proof: .jwt { "j.w.t" }, store: store, rules: rules), file, data, store)
      client.beginGracefulShutdown()
      server.beginGracefulShutdown()
      try await group.waitForAll()
    }
  }

  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  @Test func aFileArrivesAndItsSumIsTold() async throws {
    let fake = GatewayFake()
    try await with(fake) { uploader, file, data, store in
      let object = try await uploader.upload(file, as: UploadOrder("a.bin", grant: "photos", contentType: "image/png")).value

      #expect(await fake.bytes == data)
      let start = await fake.starts[0]
      #expect(start.path == "a.bin" && start.grant == "photos" && start.contentType == "image/png" && start.overwrite)
      #expect(start.sizeBytes == UInt64(data.count) && start.crc64 == object.crc64)
      #expect(await fake.finishes[0].crc64 == object.crc64)
      #expect(object.etag == "\"E1\"" && object.versionID == nil)
      #expect(await store.all().isEmpty)
    }
  }

  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  @Test func aStreamThatEndsIsGoneOnWithFromTheOffsetTold() async throws {
    let fake = GatewayFake([.end(afterChunks: 2, Self.drained())])
    try await with(fake) { uploader, file, data, _ in
      _ = try await uploader.upload(file, as: UploadOrder("a")).value

      #expect(await fake.bytes == data)
      #expect(await fake.resumedWith == ["id-1"])
      #expect(await fake.offsets == [0, 1 << 20, 2 << 20, 3 << 20], "nothing was sent twice")
    }
  }

  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  @Test func anUploadThatIsGoneIsStartedAgain() async throws {
    let fake = GatewayFake([.end(afterChunks: 1, Self.drained()), .refuse(Self.refused(.notFound, "UPLOAD_NOT_FOUND"))])
    try await with(fake) { uploader, file, data, _ in
      _ = try await uploader.upload(file, as: UploadOrder("a")).value

      #expect(await fake.bytes == data)
      let ids = await fake.starts.map(\.requestID)
      #expect(ids.count == 2 && ids[0] != ids[1])
    }
  }

  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  @Test func aRefusalIsATypedErrorAndTheEnd() async throws {
    let fake = GatewayFake([.refuse(Self.refused(.permissionDenied, "LIMIT_EXCEEDED"))])
    try await with(fake) { uploader, file, _, store in
      do {
        _ = try await uploader.upload(file, as: UploadOrder("a")).value
        Issue.record("it was stored")
      } catch let error as SluiceError {
        #expect(error.code == .permissionDenied && error.reason == "LIMIT_EXCEEDED")
      }
      #expect(await store.all().isEmpty)
    }
  }

  @available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
  @Test func anotherProcessGoesOnByTheSavedID() async throws {
    let fake = GatewayFake()
    try await with(fake) { uploader, file, data, _ in
      await fake.seed(data.prefix(3_000_000))
      var saved = SavedUpload(.grpc, try SourceFile(file), as: UploadOrder("a"))
      saved.location = Secret("id-7")

      _ = try await uploader.resume(saved).value

      #expect(await fake.bytes == data)
      #expect(await fake.resumedWith == ["id-7"])
      #expect(await fake.offsets == [3_000_000])
    }
  }

  @Test func aMistakeOfTheStreamIsNotRepeatedForEver() {
    var recovery = StreamRecovery(patience: .seconds(60))
    let spoiled = SluiceError(.dataLoss, "CHECKSUM_MISMATCH", "")
    #expect(recovery.judge(spoiled, moved: false, resumed: true) == .goOn)
    #expect(recovery.judge(spoiled, moved: false, resumed: true) == .goOn)
    #expect(recovery.judge(spoiled, moved: false, resumed: true) == .fail)
  }

  @Test func patienceEndsWhereNothingIsStored() {
    let start = ContinuousClock.now
    var recovery = StreamRecovery(patience: .seconds(60), now: start)
    let broken = SluiceError(.unavailable, "OSS_UNREACHABLE", "")
    #expect(recovery.judge(broken, moved: true, resumed: true, now: start + .seconds(50)) == .goOn)
    #expect(recovery.judge(broken, moved: false, resumed: true, now: start + .seconds(109)) == .goOn)
    #expect(recovery.judge(broken, moved: false, resumed: true, now: start + .seconds(110)) == .fail)
  }
}
