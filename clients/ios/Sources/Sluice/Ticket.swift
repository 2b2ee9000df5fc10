// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A ticket to ask for: the right to come to the broker without a JWT, for one grant, path and set of operations.
public struct TicketRequest: Sendable, Hashable, Encodable {
  public var grant: String
  public var path: String
  public var operations: [Operation]
  /// One hour where left out.
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

public struct Ticket: Sendable, Hashable, Decodable {
  public var ticket: Secret
  /// The whole address of `GET /get_sts_token` for a stock `OSSAuthCredentialProvider`; nil where the broker does not know its own.
  public var stsURL: Secret?
  public var expireTime: Date
  public var serverTime: Date
  public var scope: Scope

  enum CodingKeys: String, CodingKey, CaseIterable {
    case ticket, expireTime, serverTime, scope
    case stsURL = "stsUrl"
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    ticket = try fields.decode(Secret.self, forKey: .ticket)
    stsURL = try fields.decodeIfPresent(Secret.self, forKey: .stsURL)
    expireTime = try fields.time(.expireTime)
    serverTime = try fields.time(.serverTime)
    scope = try fields.decode(Scope.self, forKey: .scope)
  }
}
