// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// Where uploads are created: the gateway's HTTP port, such as `https://gateway.example.com:8081/files/`. The requests of tus 1.0, each
/// with the proof of its own moment.
public struct TusEndpoint: Sendable {
  public let address: URL
  let http: HTTPClient

  /// `proof` is a JWT whose audience is the gateway's: `sluice-gateway`.
  public init(_ address: URL, proof: CallerProof, rules: HTTPRules = HTTPRules(), session: URLSession = .sluice) {
    self.address = address
    http = HTTPClient(session: session, proof: proof, rules: rules)
  }

  func creation(of order: UploadOrder, size: UInt64) -> URLRequest {
    var request = request("POST", address)
    request.setValue(String(size), forHTTPHeaderField: "Upload-Length")
    request.setValue(Self.metadata(of: order), forHTTPHeaderField: "Upload-Metadata")
    return request
  }

  func question(_ location: URL) -> URLRequest {
    request("HEAD", location)
  }

  func piece(_ location: URL, from offset: UInt64) -> URLRequest {
    var request = request("PATCH", location)
    request.setValue("application/offset+octet-stream", forHTTPHeaderField: "Content-Type")
    request.setValue(String(offset), forHTTPHeaderField: "Upload-Offset")
    return request
  }

  /// Frees what the server has of an upload; one that is gone already is fine.
  public func terminate(_ saved: SavedUpload) async throws {
    guard let location = saved.location.flatMap({ URL(string: $0.reveal()) }) else { return }
    do {
      _ = try await http.sendRepeatedly(request("DELETE", location))
    } catch let error as SluiceError where error.code == .notFound {
      // Aborted, completed or expired: nothing is left to free.
    }
  }

  private func request(_ method: String, _ url: URL) -> URLRequest {
    var request = URLRequest(url: url)
    request.httpMethod = method
    request.setValue("1.0.0", forHTTPHeaderField: "Tus-Resumable")
    return request
  }

  /// The words that stock tus clients use, then the user's own.
  static func metadata(of order: UploadOrder) -> String {
    var pairs = [("filename", order.path), ("filetype", order.contentType)]
    if !order.grant.isEmpty { pairs.append(("grant", order.grant)) }
    pairs += order.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    return pairs.map { name, value in value.isEmpty ? name : "\(name) \(Data(value.utf8).base64EncodedString())" }.joined(separator: ",")
  }
}
