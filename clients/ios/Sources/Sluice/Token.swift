// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What to ask a token for. All of it may be left out: then it reaches all that the caller's one grant gives.
public struct TokenRequest: Sendable, Hashable, Encodable {
  /// Needed where several grants match the caller.
  public var grant: String
  /// Relative to the grant's prefix: empty for all of it, `a/` for a sub-prefix, `a/b.jpg` for that object only.
  public var path: String
  public var operations: [Operation]
  /// Longest life wanted, 15 minutes at least; the answer's `expireTime` is the truth.
  public var ttl: Duration?

  public init(grant: String = "", path: String = "", operations: [Operation] = [], ttl: Duration? = nil) {
    self.grant = grant
    self.path = path
    self.operations = operations
    self.ttl = ttl
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case grant, path, operations, ttl
  }

  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(unlessEmpty: grant, .grant)
    try fields.encode(unlessEmpty: path, .path)
    try fields.encode(unlessEmpty: operations, .operations)
    try fields.encode(seconds: ttl, .ttl)
  }
}

/// A short-lived key for OSS and what it reaches.
public struct Token: Sendable, Hashable, Decodable {
  public struct Credentials: Sendable, Hashable, Decodable {
    /// Begins with `STS.`.
    public var accessKeyID: String
    public var accessKeySecret: Secret
    public var securityToken: Secret

    enum CodingKeys: String, CodingKey, CaseIterable {
      case accessKeyID = "accessKeyId"
      case accessKeySecret, securityToken
    }
  }

  public var credentials: Credentials
  /// When OSS stops accepting them.
  public var expireTime: Date
  /// When to ask for new ones.
  public var refreshAfter: Date
  /// The broker's clock when it answered: the device's own may be wrong.
  public var serverTime: Date
  public var scope: Scope
  /// Names this authority in the broker's audit.
  public var grantID: String

  enum CodingKeys: String, CodingKey, CaseIterable {
    case credentials, expireTime, refreshAfter, serverTime, scope
    case grantID = "grantId"
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    credentials = try fields.decode(Credentials.self, forKey: .credentials)
    expireTime = try fields.time(.expireTime)
    refreshAfter = try fields.time(.refreshAfter)
    serverTime = try fields.time(.serverTime)
    scope = try fields.decode(Scope.self, forKey: .scope)
    grantID = try fields.value(.grantID, or: "")
  }
}
