// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

@Suite(.timeLimit(.minutes(1))) struct TusUploaderTests {
  typealias Reply = LoopbackServer.Reply

  let folder: TemporaryFolder
  let store: UploadStore

  init() throws {
    folder = try TemporaryFolder()
    store = try UploadStore(folder.url.appendingPathComponent("store"))
  }

  func uploader(
    _ server: TusServer, pieceBytes: Int = 1 << 20, proof: CallerProof = .jwt { "j.w.t" }, rules: HTTPRules = .counting()
  ) -> TusUploader {
    TusUploader(TusEndpoint(server.endpoint, proof: proof, rules: rules), store: store, pieceBytes: pieceBytes)
  }

  static let large = 5 << 20

  @Test func aFileArrivesPieceByPiece() async throws {
    let server = TusServer()
    let (file, data) = try folder.file(bytes: Self.large)

    let crc64 = try CRC64.of(contentsOf: file)

    let object = try await uploader(server).upload(file, as: UploadOrder("a.bin", grant: "photos")).value

    #expect(server.stored == data)
    #expect(server.methods == ["POST"] + Array(repeating: "PATCH", count: 5))
    #expect(object.sizeBytes == UInt64(data.count))
    #expect(object.crc64 == crc64)
    #expect(await store.all().isEmpty)
  }

  @Test func aSmallFileIsOneRequest() async throws {
    let server = TusServer()
    let (file, data) = try folder.file(bytes: 1000)

    _ = try await uploader(server).upload(file, as: UploadOrder("a.bin")).value

    #expect(server.stored == data)
    #expect(server.methods == ["POST"])
  }

  @Test func anEmptyFileIsUploadedToo() async throws {
    let server = TusServer()
    let (file, _) = try folder.file(bytes: 0)

    let object = try await uploader(server).upload(file, as: UploadOrder("empty")).value

    #expect(object.sizeBytes == 0)
    #expect(server.stored == Data())
  }

  @Test func theCreationSaysWhatTheGatewayReads() async throws {
    let server = TusServer()
    let (file, _) = try folder.file(bytes: 10)
    let crc64 = try CRC64.of(contentsOf: file)

    _ = try await uploader(server).upload(
      file, as: UploadOrder("a/ü.jpg", grant: "photos", contentType: "image/jpeg", metadata: ["camera": "x100"])).value

    let pairs = Dictionary(
      uniqueKeysWithValues: server.requests[0].headers["upload-metadata"]!.split(separator: ",").map { pair in
        let words = pair.split(separator: " ")
        return (String(words[0]), String(decoding: Data(base64Encoded: String(words[1]))!, as: UTF8.self))
      })
    #expect(pairs["path"] == "a/ü.jpg" && pairs["grant"] == "photos" && pairs["content_type"] == "image/jpeg" && pairs["camera"] == "x100")
    #expect(pairs["overwrite"] == "true" && pairs["crc64"] == String(crc64))
    #expect(pairs["request_id"]!.wholeMatch(of: /[A-Za-z0-9._-]{1,64}/) != nil)
    #expect(server.requests[0].headers["upload-length"] == "10")
  }

  @Test func everyRequestHasTheProofOfItsOwnMoment() async throws {
    let server = TusServer()
    let count = Shared(0)
    let (file, _) = try folder.file(bytes: Self.large)

    _ = try await uploader(server, proof: .jwt { count.with { $0 += 1; return "jwt\($0)" } }).upload(file, as: UploadOrder("a")).value

    #expect(server.requests.map { $0.headers["authorization"] } == (1...6).map { "Bearer jwt\($0)" })
  }

  @Test func aConnectionThatBreaksCostsWhatWasNotStored() async throws {
    let server = TusServer(takeOnly: { $0 == 2 ? 300_000 : nil })
    let (file, data) = try folder.file(bytes: Self.large)

    _ = try await uploader(server).upload(file, as: UploadOrder("a")).value

    #expect(server.stored == data)
    #expect(server.requests.filter { $0.method == "HEAD" }.count == 1)
    #expect(server.requests.last { $0.method == "PATCH" }?.headers["upload-offset"] != "1048576")
  }

  @Test func aServerThatForgotTheUploadGetsItAgainFromTheStart() async throws {
    let forgotten = Shared(false)
    let server = TusServer { request, count in
      guard request.method == "PATCH", count == 3, !forgotten.current else { return nil }
      forgotten.with { $0 = true }
      return .refusal(410, "NOT_FOUND", "UPLOAD_NOT_FOUND")
    }
    let (file, data) = try folder.file(bytes: Self.large)

    _ = try await uploader(server).upload(file, as: UploadOrder("a")).value

    #expect(server.stored == data)
    let creations = server.requests.filter { $0.method == "POST" }.map { $0.headers["upload-metadata"]! }
    #expect(creations.count == 2 && creations[0] != creations[1], "another attempt is another request_id")
  }

  @Test func bytesThatAreThereAlreadyAreNotSentAgain() async throws {
    let server = TusServer()
    let (file, data) = try folder.file(bytes: Self.large)
    var saved = SavedUpload(.tus, try SourceFile(file), as: UploadOrder("a"))
    saved.location = Secret(server.seed(length: data.count, bytes: data.prefix(3_000_000)).absoluteString)

    _ = try await uploader(server).resume(saved).value

    #expect(server.stored == data)
    #expect(server.methods.first == "HEAD")
    #expect(server.requests.filter { $0.method == "PATCH" }.reduce(0) { $0 + $1.body.count } == data.count - 3_000_000)
  }

  @Test func progressNeverGoesBackAndEndsWhole() async throws {
    let server = TusServer()
    let (file, _) = try folder.file(bytes: Self.large)
    let upload = try uploader(server).upload(file, as: UploadOrder("a"))

    var told: [UploadProgress] = []
    for await progress in upload.progress { told.append(progress) }
    _ = try await upload.value

    #expect(told.map(\.committedBytes) == told.map(\.committedBytes).sorted())
    #expect(told.last?.committedBytes == UInt64(Self.large) && told.last?.fraction == 1)
  }

  @Test func aPausedUploadSendsNothingAndGoesOn() async throws {
    let hold = Hold(3)
    let server = TusServer(hold: hold)
    let (file, data) = try folder.file(bytes: Self.large)
    let upload = try uploader(server).upload(file, as: UploadOrder("a"))
    #expect(try await eventually { await hold.isReached })

    await upload.pause()
    await hold.open()
    let sent = server.requests.count
    for _ in 0..<30 {
      try await Task.sleep(for: .milliseconds(10))
      #expect(server.requests.count == sent)
    }
    await upload.resume()

    _ = try await upload.value
    #expect(server.stored == data)
    #expect(server.requests[sent].method == "HEAD", "the piece that was under way may have arrived")
  }

  @Test func aPausedUploadCanBeCancelled() async throws {
    let hold = Hold(1)
    let server = TusServer(hold: hold)
    let upload = try uploader(server).upload(folder.file(bytes: Self.large).url, as: UploadOrder("a"))
    #expect(try await eventually { await hold.isReached })
    await upload.pause()

    upload.cancel()

    await #expect(throws: CancellationError.self) { try await upload.value }
    await hold.open()
  }

  @Test func aCancelledUploadIsKeptAndGoneOnWithByAnotherProcess() async throws {
    let hold = Hold(3)
    let server = TusServer(hold: hold)
    let (file, data) = try folder.file(bytes: Self.large)
    let upload = try uploader(server).upload(file, as: UploadOrder("a"))
    #expect(try await eventually { await hold.isReached })
    upload.cancel()
    await #expect(throws: CancellationError.self) { try await upload.value }
    let before = server.requests.count
    await hold.open()

    // Only the folder remains of the first process.
    let reopened = try UploadStore(folder.url.appendingPathComponent("store"))
    let saved = try #require(await reopened.all().first)
    #expect(saved.location != nil && saved.committedBytes == 2 << 20)
    _ = try await TusUploader(TusEndpoint(server.endpoint, proof: .anonymous, rules: .counting()), store: reopened).resume(saved).value

    #expect(server.stored == data)
    #expect(server.requests[before].method == "HEAD")
    #expect(await reopened.all().isEmpty)
  }

  @Test func aRefusalEndsTheUploadAndFreesItsPlace() async throws {
    let server = TusServer { request, _ in
      request.method == "POST" ? .refusal(403, "PERMISSION_DENIED", "LIMIT_EXCEEDED") : nil
    }
    let (file, _) = try folder.file(bytes: Self.large)

    let upload = try uploader(server).upload(file, as: UploadOrder("a"))

    #expect(await failure { try await upload.value }?.reason == "LIMIT_EXCEEDED")
    #expect(await store.all().isEmpty)
  }

  @Test func aProofThatCannotBeHadEndsItByItsOwnError() async throws {
    struct SignedOut: Error {}
    let server = TusServer()
    let (file, _) = try folder.file(bytes: 10)

    let upload = try uploader(server, proof: .jwt { throw SignedOut() }).upload(file, as: UploadOrder("a"))

    await #expect(throws: SignedOut.self) { try await upload.value }
    #expect(server.requests.isEmpty)
    #expect(await store.all().count == 1, "it can be gone on with after signing in")
  }

  @Test func aFileThatChangedIsNotMixedWithItself() async throws {
    let (file, _) = try folder.file(bytes: Self.large)
    let server = TusServer { request, count in
      if request.method == "PATCH", count == 2 { try! Data("other".utf8).write(to: file) }
      return nil
    }

    let upload = try uploader(server).upload(file, as: UploadOrder("a"))

    #expect(await failure { try await upload.value }?.reason == SluiceError.Reason.fileChanged)
  }

  @Test func aFileThatIsNotThereIsToldAtOnce() throws {
    #expect(throws: SluiceError.self) {
      try uploader(TusServer()).upload(folder.url.appendingPathComponent("none"), as: UploadOrder("a"))
    }
  }

  @Test func anUploadThatIsGivenUpIsFreedAtTheServer() async throws {
    let server = TusServer()
    var saved = SavedUpload(.tus, try SourceFile(folder.file(bytes: 100).url), as: UploadOrder("a"))
    saved.location = Secret(server.seed(length: 100, bytes: Data()).absoluteString)
    let endpoint = TusEndpoint(server.endpoint, proof: .anonymous, rules: .counting())

    try await endpoint.terminate(saved)
    try await endpoint.terminate(saved)

    #expect(server.methods == ["DELETE", "DELETE"])
    #expect(server.stored == nil)
  }
}
