// SPDX-License-Identifier: Apache-2.0
import Foundation

/// As what a file is uploaded.
public struct UploadOrder: Sendable, Hashable, Codable {
  /// Relative to the grant's prefix; one object.
  public var path: String
  /// Needed where several grants match the caller.
  public var grant: String
  public var contentType: String
  /// User metadata of the object, names of `[a-z0-9-]`.
  public var metadata: [String: String]
  /// Whether an object of that key may be replaced; else it is `OBJECT_EXISTS`.
  public var overwrite: Bool

  public init(
    _ path: String, grant: String = "", contentType: String = "application/octet-stream", metadata: [String: String] = [:],
    overwrite: Bool = true
  ) {
    self.path = path
    self.grant = grant
    self.contentType = contentType
    self.metadata = metadata
    self.overwrite = overwrite
  }
}

/// How far an upload is. `committedBytes` are stored and will never be sent again; `sentBytes` have left this device.
public struct UploadProgress: Sendable, Hashable {
  public var sentBytes: UInt64
  public var committedBytes: UInt64
  public var totalBytes: UInt64

  public init(sentBytes: UInt64, committedBytes: UInt64, totalBytes: UInt64) {
    self.sentBytes = sentBytes
    self.committedBytes = committedBytes
    self.totalBytes = totalBytes
  }

  public var fraction: Double { totalBytes == 0 ? 1 : Double(max(sentBytes, committedBytes)) / Double(totalBytes) }
}

/// What an upload came to.
public struct StoredObject: Sendable, Hashable {
  public var path: String
  public var sizeBytes: UInt64
  /// As OSS gives it, quotes included; nil where the way there does not tell it.
  public var etag: String?
  /// CRC-64/XZ of what OSS has; nil where the way there does not tell it.
  public var crc64: UInt64?
  public var versionID: String?

  public init(path: String, sizeBytes: UInt64, etag: String? = nil, crc64: UInt64? = nil, versionID: String? = nil) {
    self.path = path
    self.sizeBytes = sizeBytes
    self.etag = etag
    self.crc64 = crc64
    self.versionID = versionID
  }
}
