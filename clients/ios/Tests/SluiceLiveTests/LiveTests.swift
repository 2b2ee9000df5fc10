// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Against the real broker, gateway and sandbox, whose addresses `tests/outside/with_services.sh` puts into the environment. Without them
/// these tests are skipped.
enum Services {
  static let environment = ProcessInfo.processInfo.environment
  static let areThere = environment["SLUICE_HTTP"] != nil

  static func url(_ name: String) throws -> URL {
    try #require(environment[name].flatMap { URL(string: $0) }, "\(name) is not set")
  }

  static func proof(_ subject: String, audience: String) throws -> CallerProof {
    let mint = try url("SLUICE_IDENTITY").appendingPathComponent("token")
    return .jwt {
      let address = URL(string: "\(mint)?subject=\(subject)&audience=\(audience)")!
      let answer = try await HTTPSession.shared.exchange(URLRequest(url: address), .none, sent: nil)
      return String(decoding: answer.body, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  static func broker(_ subject: String) throws -> Broker {
    Broker(try url("SLUICE_HTTP"), proof: try proof(subject, audience: "sluice"))
  }

  static func tus(_ subject: String) throws -> TusEndpoint {
    TusEndpoint(try url("SLUICE_GATEWAY_HTTP").appendingPathComponent("files/"), proof: try proof(subject, audience: "sluice-gateway"))
  }

  static func stored(_ path: String, by subject: String) async throws -> Data {
    let signed = try await broker(subject).signURL(SignURLRequest(.get, path))
    let request = try signed.urls[0].request()
    // The library's own session takes no answer as large as an object.
    return try await withCheckedThrowingContinuation { continuation in
      URLSession.shared.dataTask(with: request) { data, response, error in
        let status = (response as? HTTPURLResponse)?.statusCode
        #expect(status == 200, "\(path) is not in OSS")
        continuation.resume(with: error.map(Result.failure) ?? .success(data ?? Data()))
      }.resume()
    }
  }
}

@Suite(.enabled(if: Services.areThere), .timeLimit(.minutes(3))) struct LiveTests {
  let folder: URL
  let subject = "ios-\(UUID().uuidString.prefix(8).lowercased())"

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-live-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  func file(bytes count: Int) throws -> (URL, Data) {
    let words = (0..<count / 8 + 1).map { _ in UInt64.random(in: .min ... .max) }
    let data = words.withUnsafeBytes { Data($0.prefix(count)) }
    let url = folder.appendingPathComponent("file.bin")
    try data.write(to: url)
    return (url, data)
  }

  @Test func aTokenReachesTheCallersOwnPrefix() async throws {
    let token = try await TokenProvider(Services.broker(subject), TokenRequest(grant: "photos")).token()

    #expect(token.credentials.accessKeyID.hasPrefix("STS."))
    #expect(token.scope.target == .prefix("uploads/\(subject)/"))
    #expect(token.refreshAfter > token.serverTime && token.refreshAfter < token.expireTime)
    #expect(!token.scope.operations.isEmpty)
  }

  @Test func aTicketIsReadAsItIsWritten() async throws {
    let ticket = try await Services.broker(subject).issueTicket(TicketRequest(path: "a/", operations: [.upload], ttl: .seconds(600)))

    #expect(!ticket.ticket.reveal().isEmpty)
    let broker = Broker(try Services.url("SLUICE_HTTP"), proof: .ticket { ticket.ticket })
    #expect(try await broker.issueToken(TokenRequest(path: "a/", operations: [.upload])).scope.target == .prefix("uploads/\(subject)/a/"))
  }

  @Test func aRefusalHasTheBrokersReason() async throws {
    do {
      _ = try await Services.broker(subject).issueToken(TokenRequest(operations: [.delete]))
      Issue.record("DELETE was granted")
    } catch let error as SluiceError {
      #expect(error.code == .permissionDenied && error.reason == "SCOPE_NOT_GRANTED")
      #expect(error.requestID?.isEmpty == false)
    }
  }

  @Test func aPutOfASignedURLIsStored() async throws {
    let (url, data) = try file(bytes: 700_000)
    let order = UploadOrder("direct/a.bin", contentType: "application/pdf", metadata: ["camera": "x100"])

    let object = try await DirectUploader(Services.broker(subject)).upload(url, as: order).value

    #expect(try await Services.stored("direct/a.bin", by: subject) == data)
    #expect(object.crc64 != nil && object.etag != nil)
  }

  @Test func theBrokersPlanIsFollowed() async throws {
    let (url, data) = try file(bytes: 300_000)
    let broker = try Services.broker(subject)
    let uploader = Uploader(broker: broker, direct: DirectUploader(broker), tus: TusUploader(try Services.tus(subject)))

    _ = try await uploader.upload(url, as: UploadOrder("planned.bin")).value

    #expect(try await Services.stored("planned.bin", by: subject) == data)
  }

  @Test(arguments: [0, 1, 100_000, 4 << 20, (4 << 20) + 1, 9_000_001])
  func aFileOfAnySizeArrivesByTus(_ size: Int) async throws {
    let (url, data) = try file(bytes: size)

    let object = try await TusUploader(Services.tus(subject), pieceBytes: 2 << 20).upload(url, as: UploadOrder("tus/\(size).bin")).value

    #expect(object.sizeBytes == UInt64(size))
    #expect(try await Services.stored("tus/\(size).bin", by: subject) == data)
  }

  @Test func aTusUploadIsGoneOnWithByAnotherProcess() async throws {
    let (url, data) = try file(bytes: 12_000_000)
    let store = try UploadStore(folder.appendingPathComponent("store"))
    let first = try TusUploader(Services.tus(subject), store: store, pieceBytes: 1 << 20).upload(url, as: UploadOrder("resumed.bin"))
    for await progress in first.progress where progress.committedBytes >= 2 << 20 { break }
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }

    let saved = try #require(await UploadStore(folder.appendingPathComponent("store")).all().first)
    #expect(saved.committedBytes >= 2 << 20)
    _ = try await TusUploader(Services.tus(subject), store: store).resume(saved).value

    #expect(try await Services.stored("resumed.bin", by: subject) == data)
  }

  @Test func anotherCallersUploadDoesNotExist() async throws {
    let (url, _) = try file(bytes: 12_000_000)
    let store = try UploadStore(folder.appendingPathComponent("store"))
    let first = try TusUploader(Services.tus(subject), store: store, pieceBytes: 1 << 20).upload(url, as: UploadOrder("mine.bin"))
    for await progress in first.progress where progress.committedBytes >= 1 << 20 { break }
    first.cancel()
    _ = try? await first.value
    let location = try #require(await store.all().first?.location.flatMap { URL(string: $0.reveal()) })

    let other = try Services.tus("someone-else")

    #expect(try await other.http.send(other.question(location)).status == 404)
  }

  @Test(arguments: [SavedUpload.Way.tus, .put])
  func aBackgroundUploadArrives(_ way: SavedUpload.Way) async throws {
    let (url, data) = try file(bytes: 6_000_000)
    let uploads = BackgroundUploads(
      identifier: "live", store: try UploadStore(folder.appendingPathComponent("store")), broker: try Services.broker(subject),
      tus: try Services.tus(subject), configuration: .ephemeral)

    let id = try await uploads.start(url, as: UploadOrder("background-\(way).bin"), by: way)

    for await event in uploads.events {
      if case .failed(_, let error) = event { Issue.record("\(error)") }
      if case .finished(let ended, _) = event { #expect(ended == id) }
      switch event {
      case .finished, .failed: break
      case .progress, .waiting: continue
      }
      break
    }
    #expect(try await Services.stored("background-\(way).bin", by: subject) == data)
  }

  @Test func aThumbnailIsMadeByOSS() async throws {
    let picture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../../deploy/demo/picture.png").standardizedFileURL
    let broker = try Services.broker(subject)
    _ = try await DirectUploader(broker).upload(picture, as: UploadOrder("cat.png", contentType: "image/png")).value

    let process = ImageProcess().resized(to: 200).watermarked("Sluice")
    let signed = try await broker.signURL(SignURLRequest(.get, "cat.png", process: process.description))
    let answer = try await HTTPSession.shared.exchange(signed.urls[0].request(), .none, sent: nil)

    let original = try Data(contentsOf: picture)
    #expect(answer.status == 200)
    #expect(answer.body.starts(with: [0x89, 0x50, 0x4E, 0x47]) && answer.body != original)
  }
}
