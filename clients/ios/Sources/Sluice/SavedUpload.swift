// SPDX-License-Identifier: Apache-2.0
import Foundation

/// All that is needed to go on with an upload in another process.
public struct SavedUpload: Sendable, Hashable, Codable, Identifiable {
  public enum Way: String, Sendable, Codable {
    /// One PUT to OSS, with a URL that is signed when it is needed.
    case put
    /// tus, to the gateway.
    case tus
    /// gRPC, to the gateway.
    case grpc
  }

  public let id: UUID
  public let way: Way
  public let file: SourceFile
  public let order: UploadOrder
  /// tus: the upload's URL. gRPC: its `upload_id`. Nil until there is one. A secret.
  public var location: Secret?
  public var committedBytes: UInt64 = 0
  /// CRC-64/XZ of the file, once it was read whole. The gateway holds the object to it.
  public var crc64: UInt64?
  /// How often it had to be started again, which makes it another upload to the gateway.
  public var restarts = 0
  /// When the server forgets it.
  public var expires: Date?

  public init(_ way: Way, _ file: SourceFile, as order: UploadOrder) {
    id = UUID()
    self.way = way
    self.file = file
    self.order = order
  }

  /// The same for each attempt at the same upload, so that a repeated start begins no second one.
  public var requestID: String { "\(id.uuidString)-\(restarts)" }
}
