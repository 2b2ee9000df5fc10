// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The upload for which the broker shall choose a form.
public struct PlanUploadRequest: Sendable, Hashable, Encodable {
  /// What this library can do with the answer: one PUT, a token for an OSS SDK, or the gateway.
  public enum Form: String, Sendable, Codable, CaseIterable {
    case url = "UPLOAD_FORM_URL"
    case token = "UPLOAD_FORM_TOKEN"
    case gateway = "UPLOAD_FORM_GATEWAY"
  }

  public var grant: String
  public var path: String
  public var sizeBytes: UInt64?
  public var contentType: String
  public var forms: [Form]
  public var ttl: Duration?

  public init(
    _ path: String, grant: String = "", sizeBytes: UInt64? = nil, contentType: String = "",
    forms: [Form] = [.url, .gateway], ttl: Duration? = nil
  ) {
    self.path = path
    self.grant = grant
    self.sizeBytes = sizeBytes
    self.contentType = contentType
    self.forms = forms
    self.ttl = ttl
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case grant, path, sizeBytes, contentType, forms, ttl
  }

  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    try fields.encode(unlessEmpty: grant, .grant)
    try fields.encode(path, forKey: .path)
    try fields.encode(number: sizeBytes, .sizeBytes)
    try fields.encode(unlessEmpty: contentType, .contentType)
    try fields.encode(unlessEmpty: forms, .forms)
    try fields.encode(seconds: ttl, .ttl)
  }
}

/// The cheapest form that holds the grant's limits.
public struct UploadPlan: Sendable, Hashable, Decodable {
  public enum Form: Sendable, Hashable {
    case url(SignedURLs)
    case token(Token)
    /// With the gateway's gRPC address, empty where the operator did not tell it.
    case gateway(address: String)
  }

  public var form: Form
  /// Why this one, for a person.
  public var why: String

  enum CodingKeys: String, CodingKey, CaseIterable {
    case why, url, token, gateway
  }

  private struct Gateway: Decodable {
    var address: String?
  }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    why = try fields.value(.why, or: "")
    if let urls = try fields.decodeIfPresent(SignedURLs.self, forKey: .url) {
      form = .url(urls)
    } else if let token = try fields.decodeIfPresent(Token.self, forKey: .token) {
      form = .token(token)
    } else {
      form = .gateway(address: try fields.decode(Gateway.self, forKey: .gateway).address ?? "")
    }
  }
}
