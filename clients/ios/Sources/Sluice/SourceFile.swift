// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A file as it was when its upload began. It must stay so until the end: pieces are read when they are sent, and sent again.
public struct SourceFile: Sendable, Hashable, Codable {
  /// Below the home folder from there on, since an app's container moves when the app is updated.
  private var place: String
  public let sizeBytes: UInt64
  private let modified: Date

  public init(_ url: URL) throws {
    let home = NSHomeDirectory() + "/"
    let path = url.standardizedFileURL.path
    place = path.hasPrefix(home) ? "~/" + path.dropFirst(home.count) : path
    (sizeBytes, modified) = try Self.look(at: url)
  }

  public var url: URL {
    place.hasPrefix("~/") ? URL(fileURLWithPath: NSHomeDirectory()).appendingPathComponent(String(place.dropFirst(2))) : URL(fileURLWithPath: place)
  }

  /// Fails with `FILE_CHANGED` where it is no longer the file that it was.
  public func checkUnchanged() throws {
    let (size, time) = try Self.look(at: url)
    // Times pass through JSON on their way to the store and back.
    guard size == sizeBytes, abs(time.timeIntervalSince(modified)) < 0.001 else {
      throw SluiceError(.aborted, SluiceError.Reason.fileChanged, "the file changed after its upload had begun")
    }
  }

  /// At most `count` bytes from `offset` on.
  package func read(from offset: UInt64, count: Int) throws -> Data {
    try checkUnchanged()
    let handle = try FileHandle(forReadingFrom: url)
    defer { try? handle.close() }
    try handle.seek(toOffset: offset)
    let wanted = min(UInt64(count), sizeBytes - min(offset, sizeBytes))
    let data = try handle.read(upToCount: Int(wanted)) ?? Data()
    guard data.count == Int(wanted) else {
      throw SluiceError(.aborted, SluiceError.Reason.fileChanged, "the file became shorter while it was read")
    }
    return data
  }

  /// Copies what follows `offset` into another file, a piece at a time.
  func copyRest(from offset: UInt64, to target: URL) throws {
    guard FileManager.default.createFile(atPath: target.path, contents: nil) else { throw CocoaError(.fileWriteUnknown) }
    let out = try FileHandle(forWritingTo: target)
    defer { try? out.close() }
    var at = offset
    while at < sizeBytes {
      let piece = try read(from: at, count: 1 << 20)
      try out.write(contentsOf: piece)
      at += UInt64(piece.count)
    }
  }

  private static func look(at url: URL) throws -> (UInt64, Date) {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: url.path),
      attributes[.type] as? FileAttributeType == .typeRegular, let size = attributes[.size] as? NSNumber,
      let modified = attributes[.modificationDate] as? Date
    else {
      throw SluiceError(.aborted, SluiceError.Reason.fileChanged, "there is no file to read at \(url.lastPathComponent)")
    }
    return (size.uint64Value, modified)
  }
}
