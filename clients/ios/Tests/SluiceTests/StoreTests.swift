// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

@Suite struct UploadStoreTests {
  @Test func whatIsSavedIsThereForAnotherProcess() async throws {
    let folder = try TemporaryFolder()
    var saved = SavedUpload(.tus, try SourceFile(folder.file(bytes: 9).url), as: UploadOrder("a", grant: "g", metadata: ["k": "v"]))
    saved.location = Secret("https://gateway.example.com/files/abc")
    saved.committedBytes = 4
    saved.expires = Date(timeIntervalSince1970: 1_800_000_000)
    try await UploadStore(folder.url.appendingPathComponent("s")).save(saved)

    let store = try UploadStore(folder.url.appendingPathComponent("s"))

    #expect(await store.all() == [saved])
    #expect(await store.upload(saved.id)?.location?.reveal() == "https://gateway.example.com/files/abc")
    try await store.upload(saved.id)?.file.checkUnchanged()
  }

  @Test func nobodyElseMayReadIt() async throws {
    let folder = try TemporaryFolder()
    let place = folder.url.appendingPathComponent("s")
    try await UploadStore(place).save(SavedUpload(.put, try SourceFile(folder.file(bytes: 9).url), as: UploadOrder("a")))

    for name in [""] + (try FileManager.default.contentsOfDirectory(atPath: place.path)) {
      let mode = try FileManager.default.attributesOfItem(atPath: place.appendingPathComponent(name).path)[.posixPermissions] as? NSNumber
      #expect(try #require(mode).intValue & 0o077 == 0)
    }
  }

  @Test func aFileThatCannotBeReadCountsAsNone() async throws {
    let folder = try TemporaryFolder()
    let store = try UploadStore(folder.url)
    try Data("{".utf8).write(to: folder.url.appendingPathComponent("\(UUID().uuidString).json"))
    try Data("x".utf8).write(to: folder.url.appendingPathComponent("notes.json"))

    #expect(await store.all().isEmpty)
  }

  @Test func aFileBelowTheHomeFolderIsFoundWhereverThatMoves() throws {
    let home = URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent("sluice-test-\(UUID().uuidString)")
    try Data("bytes".utf8).write(to: home)
    defer { try? FileManager.default.removeItem(at: home) }

    let text = String(decoding: try JSONEncoder().encode(SourceFile(home)), as: UTF8.self)

    #expect(!text.contains(NSHomeDirectory().replacingOccurrences(of: "/", with: "\\/") + "\\/"))
    #expect(try JSONDecoder().decode(SourceFile.self, from: Data(text.utf8)).url.lastPathComponent == home.lastPathComponent)
  }

  @Test func aChangedFileIsNoticed() throws {
    let folder = try TemporaryFolder()
    let (url, _) = try folder.file(bytes: 100)
    let file = try SourceFile(url)
    try file.checkUnchanged()

    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: -100)], ofItemAtPath: url.path)

    #expect(throws: SluiceError.self) { try file.checkUnchanged() }
  }

  @Test func aFolderIsNoFile() throws {
    let folder = try TemporaryFolder()
    #expect(throws: SluiceError.self) { try SourceFile(folder.url) }
  }

  @Test func anUploadOverOneProtocolIsThatOverTheOther() throws {
    let folder = try TemporaryFolder()
    let endpoint = URL(string: "https://gateway.example.com:8081/files/")!
    var saved = SavedUpload(.grpc, try SourceFile(folder.file(bytes: 9).url), as: UploadOrder("a"))
    saved.location = Secret("Abc_-123")

    let background = saved.continued(by: .tus, at: endpoint)

    #expect(background.location?.reveal() == "https://gateway.example.com:8081/files/Abc_-123")
    #expect(background.way == .tus && background.id == saved.id)
    #expect(background.continued(by: .grpc, at: endpoint) == saved)
    #expect(saved.continued(by: .put, at: endpoint).location == nil)
  }
}
