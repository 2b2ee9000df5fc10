// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Asks a token broker over HTTP. Every call ends once: by its answer, by a `SluiceError`, or by `CancellationError`.
///
/// What may succeed a little later is tried again, as long as the broker wants it waited and `HTTPRules` allow.
public struct Broker: Sendable {
  private let address: URL
  private let http: HTTPClient

  /// `address` is the broker's HTTP address, such as `https://broker.example.com`.
  public init(_ address: URL, proof: CallerProof, rules: HTTPRules = HTTPRules(), session: HTTPSession = .shared) {
    self.address = address
    http = HTTPClient(session: session, proof: proof, rules: rules)
  }

  /// STS credentials for OSS. Ask through a `TokenProvider`, which keeps them as long as they are good.
  public func issueToken(_ request: TokenRequest = TokenRequest()) async throws -> Token {
    try await call("/v1/tokens:issue", request)
  }

  /// One request to OSS, signed.
  public func signURL(_ request: SignURLRequest) async throws -> SignedURLs {
    let answer: SignedURLs = try await call("/v1/urls:sign", request)
    guard !answer.urls.isEmpty else {
      throw SluiceError(.internal, SluiceError.Reason.answerInvalid, "the broker signed no URL")
    }
    return answer
  }

  /// The cheapest form for an upload that holds the grant's limits.
  public func planUpload(_ request: PlanUploadRequest) async throws -> UploadPlan {
    try await call("/v1/uploads:plan", request)
  }

  /// A ticket for oneself, as a stock OSS SDK's provider needs it.
  public func issueTicket(_ request: TicketRequest = TicketRequest()) async throws -> Ticket {
    try await call("/v1/tickets:issue", request)
  }

  var rules: HTTPRules { http.rules }

  private func call<Answer: Decodable>(_ path: String, _ message: some Encodable) async throws -> Answer {
    guard let url = URL(string: path, relativeTo: address) else {
      throw SluiceError(.invalidArgument, SluiceError.Reason.addressInsecure, "the broker's address is no URL")
    }
    var request = URLRequest(url: url)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    let answer = try await http.sendRepeatedly(request, body: .data(ProtoJSON.encode(message)))
    return try ProtoJSON.decode(Answer.self, from: answer.body)
  }
}
