// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What a signed URL shall do, to one object.
public struct SignURLRequest: Sendable, Hashable, Encodable {
  public enum Method: String, Sendable, Codable, CaseIterable {
    case put = "URL_METHOD_PUT"
    case get = "URL_METHOD_GET"
    case head = "URL_METHOD_HEAD"
    case delete = "URL_METHOD_DELETE"
  }

  public var grant: String
  public var path: String
  public var method: Method
  /// Longest life wanted, 15 minutes where left out; the answer's `expireTime` is the truth.
  public var ttl: Duration?
  /// Of a PUT: the object's type, `application/octet-stream` where empty.
  public var contentType: String
  /// Of a PUT: the exact length, which a grant that limits size asks for.
  public var contentLength: UInt64?
  /// Of a PUT: user metadata, names of `[a-z0-9-]`.
  public var metadata: [String: String]
  /// Of a PUT: the object's tags, which need `.tag`.
  public var tags: [String: String]
  /// Of a PUT: OSS refuses where the object exists.
  public var forbidOverwrite: Bool
  /// Of a GET: an image process; see `ImageProcess`.
  public var process: String

  public init(
    _ method: Method, _ path: String, grant: String = "", ttl: Duration? = nil, contentType: String = "",
    contentLength: UInt64? = nil, metadata: [String: String] = [:], tags: [String: String] = [:],
    forbidOverwrite: Bool = false, process: String = ""
  ) {
    self.method = method
    self.path = path
    self.grant = grant
    self.ttl = ttl
    self.contentType = contentType
    self.contentLength = contentLength
    self.metadata = metadata
    self.tags = tags
    self.forbidOverwrite = forbidOverwrite
    self.process = process
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case grant, path, method, ttl, contentType, contentLength, metadata, tags, forbidOverwrite, process
  }

  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(unlessEmpty: grant, .grant)
    try fields.encode(path, forKey: .path)
    try fields.encode(method, forKey: .method)
    try fields.encode(seconds: ttl, .ttl)
    try fields.encode(unlessEmpty: contentType, .contentType)
    try fields.encode(number: contentLength, .contentLength)
    try fields.encode(unlessEmpty: metadata, .metadata)
    try fields.encode(unlessEmpty: tags, .tags)
    if forbidOverwrite { try fields.encode(true, forKey: .forbidOverwrite) }
    try fields.encode(unlessEmpty: process, .process)
  }
}

/// One request to OSS, signed.
public struct SignedURL: Sendable, Hashable, Decodable {
  public var httpMethod: String
  /// A secret: whoever has it may do what it says, until it ends.
  public var url: Secret
  /// To send exactly so, and no other `Content-Type` or `x-oss-*` beside them.
  public var headers: [String: String]

  enum CodingKeys: String, CodingKey, CaseIterable {
    case httpMethod, url, headers
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    httpMethod = try fields.decode(String.self, forKey: .httpMethod)
    url = try fields.decode(Secret.self, forKey: .url)
    headers = try fields.value(.headers, or: [:])
  }
}

public struct SignedURLs: Sendable, Hashable, Decodable {
  public var urls: [SignedURL]
  public var expireTime: Date
  public var serverTime: Date
  public var scope: Scope
  public var grantID: String

  enum CodingKeys: String, CodingKey, CaseIterable {
    case urls, expireTime, serverTime, scope
    case grantID = "grantId"
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    urls = try fields.decode([SignedURL].self, forKey: .urls)
    expireTime = try fields.time(.expireTime)
    serverTime = try fields.time(.serverTime)
    scope = try fields.decode(Scope.self, forKey: .scope)
    grantID = try fields.value(.grantID, or: "")
  }
}
