// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Uploads that are not over, one file each, so that they outlive the process. Protected until the device is unlocked for the first time
/// after a start: later would keep background uploads from going on behind a locked screen. Not part of backups: what they name is
/// worthless on another device.
public actor UploadStore {
  private let folder: URL

  /// Made where it is not there. One store per folder.
  public init(_ folder: URL) throws {
    self.folder = folder
    var attributes: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
    #if os(iOS) || os(tvOS) || os(watchOS) || os(visionOS)
    attributes[.protectionKey] = FileProtectionType.completeUntilFirstUserAuthentication
    #endif
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true, attributes: attributes)
    #if canImport(Darwin)
    var values = URLResourceValues()
    values.isExcludedFromBackup = true
    var excluded = folder
    try excluded.setResourceValues(values)
    #endif
  }

  /// In the app's Application Support folder. Uploads of the foreground and of the background are kept apart by their names.
  public static func standard(_ name: String = "uploads") throws -> UploadStore {
    let support = try FileManager.default.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
    return try UploadStore(support.appendingPathComponent("Sluice/\(name)", isDirectory: true))
  }

  public func save(_ upload: SavedUpload) throws {
    var options: Data.WritingOptions = [.atomic]
    #if os(iOS) || os(tvOS) || os(watchOS) || os(visionOS)
    options.insert(.completeFileProtectionUntilFirstUserAuthentication)
    #endif
    try JSONEncoder().encode(upload).write(to: place(of: upload.id), options: options)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: place(of: upload.id).path)
  }

  public func upload(_ id: UUID) -> SavedUpload? {
    guard let data = try? Data(contentsOf: place(of: id)) else { return nil }
    return try? JSONDecoder().decode(SavedUpload.self, from: data)
  }

  /// What is not over, in no order. A file that cannot be read counts as none: its upload starts again if it is asked for.
  public func all() -> [SavedUpload] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasSuffix(".json") }.compactMap { UUID(uuidString: String($0.dropLast(5))) }.compactMap(upload)
  }

  /// Of an upload that is over, with its slice.
  public func remove(_ id: UUID) {
    try? FileManager.default.removeItem(at: place(of: id))
    try? FileManager.default.removeItem(at: slice(of: id))
  }

  /// Where what is left of a file waits to be sent, for an upload in the background, which is sent from files alone.
  nonisolated func slice(of id: UUID) -> URL {
    folder.appendingPathComponent(id.uuidString + ".slice")
  }

  private nonisolated func place(of id: UUID) -> URL {
    folder.appendingPathComponent(id.uuidString + ".json")
  }
}
