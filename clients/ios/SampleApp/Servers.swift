// SPDX-License-Identifier: Apache-2.0
import Foundation
import Sluice

/// Where things are and who asks. The defaults are those of `./dev demo` beside a simulator; a phone needs `./dev demo --host ADDR`.
struct Servers: Codable, Equatable {
  var broker = "http://127.0.0.1:8080"
  var gateway = "http://127.0.0.1:8081"
  /// Of the demo. An app of your own signs in with your identity provider instead.
  var identity = "http://127.0.0.1:9003"
  var user = "alice"
  /// What the app expects; the broker says what it is.
  var bucket = "sluice-demo"
  var region = "cn-hangzhou"

  private var rules: HTTPRules {
    // The demo speaks plain http. Take this away together with the demo.
    HTTPRules(allowsPlainHTTP: true)
  }

  func makeBroker() throws -> Broker {
    Broker(try Self.url(broker), proof: try proof(audience: "sluice"), rules: rules)
  }

  func makeTus() throws -> TusEndpoint {
    TusEndpoint(try Self.url(gateway).appendingPathComponent("files/"), proof: try proof(audience: "sluice-gateway"), rules: rules)
  }

  /// Fails where the broker's bucket or region is another one.
  func check(_ scope: Scope) throws {
    guard scope.bucket == bucket, scope.region == region else {
      throw SluiceError(.failedPrecondition, "BUCKET_DIFFERS", "the broker gives \(scope.bucket) in \(scope.region)")
    }
  }

  private func proof(audience: String) throws -> CallerProof {
    var address = URLComponents(url: try Self.url(identity).appendingPathComponent("token"), resolvingAgainstBaseURL: false)
    address?.queryItems = [URLQueryItem(name: "subject", value: user), URLQueryItem(name: "audience", value: audience)]
    guard let url = address?.url else { throw URLError(.badURL) }
    return .jwt {
      let (data, _) = try await URLSession.shared.data(from: url)
      return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  private static func url(_ text: String) throws -> URL {
    guard let url = URL(string: text), url.host() != nil else { throw URLError(.badURL) }
    return url
  }
}
