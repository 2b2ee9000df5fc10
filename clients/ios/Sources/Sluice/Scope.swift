// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What a caller may do inside its own prefix.
public enum Operation: String, Sendable, Codable, CaseIterable {
  case upload = "OPERATION_UPLOAD"
  case resume = "OPERATION_RESUME"
  case tag = "OPERATION_TAG"
  case download = "OPERATION_DOWNLOAD"
  case list = "OPERATION_LIST"
  case delete = "OPERATION_DELETE"
}

/// Where an authority reaches and what it may do there, as the broker says it.
public struct Scope: Sendable, Hashable, Decodable {
  /// Every key that begins with a prefix, or one key.
  public enum Target: Sendable, Hashable {
    case prefix(String)
    case key(String)
  }

  public var bucket: String
  /// As it is signed, for example `cn-hangzhou`.
  public var region: String
  public var endpoint: URL
  public var target: Target
  public var operations: [Operation]

  enum CodingKeys: String, CodingKey, CaseIterable {
    case bucket, region, endpoint, prefix, key, operations
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    bucket = try fields.decode(String.self, forKey: .bucket)
    region = try fields.value(.region, or: "")
    endpoint = try fields.decode(URL.self, forKey: .endpoint)
    target =
      if let key = try fields.decodeIfPresent(String.self, forKey: .key) { .key(key) } else {
        .prefix(try fields.value(.prefix, or: ""))
      }
    // An operation that came after this library was written is none that it could use.
    operations = try fields.value(.operations, or: [String]()).compactMap(Operation.init(rawValue:))
  }
}
