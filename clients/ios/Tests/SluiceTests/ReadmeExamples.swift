// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sluice
import Testing

/// What the README shows is compiled here, between markers, and compared with it below.
private enum ReadmeExamples {
  static func identityProvider(audience: String) async throws -> String { "" }
  static func show(_ progress: UploadProgress) {}
  static func show(_ object: StoredObject) {}
  static func show(_ error: any Error) {}

  static func tus(file: URL) async throws {
    // README tus
    let gateway = TusEndpoint(
      URL(string: "https://gateway.example.com:8081/files/")!,
      proof: .jwt { try await identityProvider(audience: "sluice-gateway") })
    let uploader = TusUploader(gateway, store: try UploadStore.standard())

    let upload = try uploader.upload(file, as: UploadOrder("holiday/cat.jpg", contentType: "image/jpeg"))
    for await progress in upload.progress { show(progress) }  // meanwhile: upload.pause(), .resume(), .cancel()
    show(try await upload.value)
    // README end
  }

  static func background(file: URL) async throws {
    // README background
    let broker = Broker(
      URL(string: "https://broker.example.com")!, proof: .jwt { try await identityProvider(audience: "sluice") })
    let uploads = BackgroundUploads(
      identifier: "com.example.uploads", store: try UploadStore.standard("background"), broker: broker, tus: nil)
    Task {
      for await event in uploads.events {
        if case .finished(_, let object) = event { show(object) }
        if case .failed(_, let error) = event { show(error) }
      }
    }
    await uploads.reconnect()  // at each launch, and when the app comes to the front
    try await uploads.start(file, as: UploadOrder("holiday/cat.jpg", contentType: "image/jpeg"), by: .put)
    // README end
  }
}

@Suite struct ReadmeTests {
  @Test(arguments: ["tus", "background"])
  func theReadmeShowsWhatIsCompiled(_ name: String) throws {
    let source = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
    let readme = try String(contentsOf: repository.appendingPathComponent("clients/ios/README.md"), encoding: .utf8)
    let begin = try #require(source.range(of: "    // README \(name)\n"))
    let end = try #require(source.range(of: "    // README end", range: begin.upperBound..<source.endIndex))
    let example = source[begin.upperBound..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("    ") ? $0.dropFirst(4) : $0 }.joined(separator: "\n")

    #expect(!example.isEmpty)
    #expect(readme.contains("```swift\n\(example)```"), "\(example)")
  }
}
