// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

/// A broker and an OSS in one: PUTs go to `/object`, with the answer that a test writes.
final class DirectWorld: Sendable {
  typealias Reply = LoopbackServer.Reply

  let signatures = Shared(0)
  let puts = Shared<[LoopbackServer.Request]>([])
  let server: LoopbackServer

  /// `put` is told which PUT it is, from 1 on.
  init(_ put: @escaping @Sendable (LoopbackServer.Request, Int) -> Reply) {
    let address = Shared("")
    server = LoopbackServer { [signatures, puts] request in
      if request.method == "PUT" {
        return put(request, puts.with { $0.append(request); return $0.count })
      }
      let count = signatures.with { $0 += 1; return $0 }
      return .json(
        200,
        """
        {"urls": [{"httpMethod": "PUT", "url": "\(address.current)/object?signature=\(count)", "headers": {"Content-Type": "image/jpeg"}}],
         "expireTime": "2026-11-29T10:00:00Z", "serverTime": "2026-11-29T09:45:00Z", "grantId": "g1",
         "scope": {"bucket": "b", "endpoint": "https://oss-cn-hangzhou.aliyuncs.com", "key": "uploads/alice/a.jpg"}}
        """)
    }
    address.with { $0 = server.url.absoluteString }
  }

  var broker: Broker { Broker(server.url, proof: .jwt { "j.w.t" }, rules: .counting()) }
  var uploader: DirectUploader { DirectUploader(broker, rules: .counting()) }

  static func stored(_ data: Data) -> Reply {
    var crc = CRC64()
    crc.update(data)
    return Reply(status: 200, headers: ["ETag": "\"E1\"", "x-oss-hash-crc64ecma": "\(crc.value)"])
  }

  static func xml(_ status: Int, _ code: String, _ message: String = "") -> Reply {
    Reply(status: status, body: Data("<Error><Code>\(code)</Code><Message>\(message)</Message></Error>".utf8))
  }
}

@Suite(.timeLimit(.minutes(1))) struct DirectUploaderTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  @Test func aFileIsOnePutWithWhatWasSigned() async throws {
    let world = DirectWorld { request, _ in DirectWorld.stored(request.body) }
    let (file, data) = try folder.file(bytes: 3_000_000)

    let object = try await world.uploader.upload(file, as: UploadOrder("a.jpg", contentType: "image/jpeg", overwrite: false)).value

    let put = world.puts.current[0]
    #expect(put.body == data)
    #expect(put.headers["content-type"] == "image/jpeg" && put.headers["content-length"] == "3000000")
    #expect(put.headers["authorization"] == nil, "OSS takes the URL's signature, and is shown no JWT")
    #expect(object.etag == "\"E1\"" && object.sizeBytes == 3_000_000)
    let asked = try JSONSerialization.jsonObject(with: world.server.requests[0].body) as? [String: Any]
    #expect(asked?["contentLength"] as? String == "3000000" && asked?["forbidOverwrite"] as? Bool == true)
  }

  @Test func aURLThatEndedIsSignedAgain() async throws {
    let world = DirectWorld { request, count in
      count == 1 ? DirectWorld.xml(403, "AccessDenied", "Request has expired.") : DirectWorld.stored(request.body)
    }
    let (file, _) = try folder.file(bytes: 1000)

    _ = try await world.uploader.upload(file, as: UploadOrder("a.jpg")).value

    #expect(world.puts.current.map(\.path) == ["/object?signature=1", "/object?signature=2"])
  }

  @Test func aRefusalOfOSSIsTheEnd() async throws {
    let world = DirectWorld { _, _ in DirectWorld.xml(403, "AccessDenied", "You have no right to access this object.") }
    let (file, _) = try folder.file(bytes: 1000)

    let error = await failure { try await world.uploader.upload(file, as: UploadOrder("a.jpg")).value }

    #expect(error?.reason == SluiceError.Reason.ossRefused && error?.metadata["oss_code"] == "AccessDenied")
    #expect(world.puts.current.count == 1)
  }

  @Test func anObjectThatExistsHasAReasonOfItsOwn() async throws {
    let world = DirectWorld { _, _ in DirectWorld.xml(409, "FileAlreadyExists") }
    let (file, _) = try folder.file(bytes: 1000)

    #expect(await failure { try await world.uploader.upload(file, as: UploadOrder("a.jpg")).value }?.reason == "OBJECT_EXISTS")
  }

  @Test func otherBytesInOSSAreNoSuccess() async throws {
    let world = DirectWorld { _, _ in DirectWorld.stored(Data("other".utf8)) }
    let (file, _) = try folder.file(bytes: 1000)

    #expect(await failure { try await world.uploader.upload(file, as: UploadOrder("a.jpg")).value }?.code == .dataLoss)
  }

  @Test func aTwoHundredAndThreeIsNoSuccess() async throws {
    let world = DirectWorld { _, _ in DirectWorld.xml(203, "CallbackFailed") }
    let (file, _) = try folder.file(bytes: 1000)

    #expect(await failure { try await world.uploader.upload(file, as: UploadOrder("a.jpg")).value }?.metadata["oss_code"] == "CallbackFailed")
  }

  @Test func aBrokenConnectionIsTriedAgainButNotForEver() async throws {
    let world = DirectWorld { _, _ in .cut }
    let (file, _) = try folder.file(bytes: 1000)

    let error = await failure { try await world.uploader.upload(file, as: UploadOrder("a.jpg")).value }

    #expect(error?.reason == SluiceError.Reason.unreachable)
    #expect(world.signatures.current == 4)
  }

  @Test func noSignedURLIsPrinted() async throws {
    let world = DirectWorld { request, _ in DirectWorld.stored(request.body) }

    let signed = try await world.broker.signURL(SignURLRequest(.put, "a.jpg"))

    #expect(!"\(signed)".contains("signature"))
  }

  @Test(arguments: [
    (ImageProcess().resized(to: 200), "image/resize,m_lfit,w_200,h_200"),
    (ImageProcess().resized(to: 640).watermarked("hi?>"), "image/resize,m_lfit,w_640,h_640/watermark,text_aGk_Pg,size_40,color_FFFFFF,g_se"),
  ])
  func anImageProcessIsWrittenAsOSSReadsIt(_ process: ImageProcess, _ text: String) {
    #expect("\(process)" == text)
  }
}
