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
  /// When the server forgets it.
  public var expires: Date?

  public init(_ way: Way, _ file: SourceFile, as order: UploadOrder) {
    id = UUID()
    self.way = way
    self.file = file
    self.order = order
  }
}
