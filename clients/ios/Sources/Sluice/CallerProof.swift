// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Who is calling. The closure is asked before every single request, also each of a long upload, so a JWT may end at any time: what
/// matters is that the closure gives one that is good now.
public struct CallerProof: Sendable {
  private let header: @Sendable () async throws -> (name: String, value: String)?

  /// A JWT of the app's identity provider. Its audience is the broker's (`sluice`) for a `Broker`, and the gateway's own
  /// (`sluice-gateway`) for a `TusEndpoint` or a `Gateway`: neither takes the other's.
  public static func jwt(_ jwt: @escaping @Sendable () async throws -> String) -> CallerProof {
    CallerProof { ("Authorization", "Bearer " + (try await jwt())) }
  }

  /// A ticket, which the broker alone takes.
  public static func ticket(_ ticket: @escaping @Sendable () async throws -> Secret) -> CallerProof {
    CallerProof { ("X-Sluice-Ticket", try await ticket().reveal()) }
  }

  /// None, for a deployment that lets anybody in.
  public static let anonymous = CallerProof { nil }

  private init(header: @escaping @Sendable () async throws -> (name: String, value: String)?) {
    self.header = header
  }

  /// The header to send now.
  public func current() async throws -> (name: String, value: String)? {
    try await header()
  }
}
