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
  public private(set) var way: Way
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

  /// The same upload over the gateway's other protocol, whose HTTP address `endpoint` is: so what began in the foreground over gRPC goes on
  /// in the background over tus, and back. Save it before it is gone on with.
  public func continued(by way: Way, at endpoint: URL) -> SavedUpload {
    var out = self
    switch (self.way, way) {
    case (.grpc, .tus):
      out.location = location.map { Secret(endpoint.appendingPathComponent($0.reveal()).absoluteString) }
    case (.tus, .grpc):
      out.location = location.flatMap { URL(string: $0.reveal()) }.map { Secret($0.lastPathComponent) }
    case (.put, _), (_, .put):
      out.location = nil
    case (.tus, .tus), (.grpc, .grpc):
      break
    }
    out.way = way
    return out
  }

  /// Reads the file where its CRC is not known yet.
  package mutating func readCRC64() throws {
    guard crc64 == nil else { return }
    let found = try CRC64.of(contentsOf: file.url)
    try file.checkUnchanged()
    crc64 = found
  }

  /// The same for each attempt at the same upload, so that a repeated start begins no second one.
  public var requestID: String { "\(id.uuidString)-\(restarts)" }
}
