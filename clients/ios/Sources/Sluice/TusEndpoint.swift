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
  private static let bodyType = "application/offset+octet-stream"
  /// What the gateway stores at once.
  static let smallObject: UInt64 = 4 << 20

  /// `proof` is a JWT whose audience is the gateway's: `sluice-gateway`.
  public init(_ address: URL, proof: CallerProof, rules: HTTPRules = HTTPRules(), session: HTTPSession = .shared) {
    self.address = address
    http = HTTPClient(session: session, proof: proof, rules: rules)
  }

  func creation(of saved: SavedUpload) -> URLRequest {
    var request = request("POST", address)
    request.setValue(String(saved.file.sizeBytes), forHTTPHeaderField: "Upload-Length")
    request.setValue(Self.metadata(of: saved), forHTTPHeaderField: "Upload-Metadata")
    return request
  }

  /// The same with the whole file in its body: one request for all of a small object.
  func wholeCreation(of saved: SavedUpload) -> URLRequest {
    var request = creation(of: saved)
    request.setValue(Self.bodyType, forHTTPHeaderField: "Content-Type")
    return request
  }

  func question(_ location: URL) -> URLRequest {
    request("HEAD", location)
  }

  func piece(_ location: URL, from offset: UInt64) -> URLRequest {
    var request = request("PATCH", location)
    request.setValue(Self.bodyType, forHTTPHeaderField: "Content-Type")
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

  /// The names that the gateway knows; what else is there becomes metadata of the object.
  static func metadata(of saved: SavedUpload) -> String {
    let order = saved.order
    var pairs = [("path", order.path), ("content_type", order.contentType), ("request_id", saved.requestID)]
    if !order.grant.isEmpty { pairs.append(("grant", order.grant)) }
    if order.overwrite { pairs.append(("overwrite", "true")) }
    if let crc64 = saved.crc64 { pairs.append(("crc64", String(crc64))) }
    pairs += order.metadata.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    return pairs.map { name, value in value.isEmpty ? name : "\(name) \(Data(value.utf8).base64EncodedString())" }.joined(separator: ",")
  }
}
