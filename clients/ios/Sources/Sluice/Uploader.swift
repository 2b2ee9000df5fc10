// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Uploads files in the foreground by whichever way the broker plans: one PUT to OSS where that holds the grant's limits, else tus to the
/// gateway.
public struct Uploader: Sendable {
  private let broker: Broker
  private let direct: DirectUploader
  private let tus: TusUploader

  public init(broker: Broker, direct: DirectUploader, tus: TusUploader) {
    self.broker = broker
    self.direct = direct
    self.tus = tus
  }

  public func upload(_ file: URL, as order: UploadOrder) async throws -> Upload {
    switch try await way(of: file, as: order) {
    case .put: try direct.upload(file, as: order)
    case .tus, .grpc: try tus.upload(file, as: order)
    }
  }

  /// For `BackgroundUploads` too: `.put` or `.tus`.
  public func way(of file: URL, as order: UploadOrder) async throws -> SavedUpload.Way {
    let size = try SourceFile(file).sizeBytes
    let plan = try await broker.planUpload(
      PlanUploadRequest(order.path, grant: order.grant, sizeBytes: size, contentType: order.contentType, forms: [.url, .gateway]))
    switch plan.form {
    case .url: return .put
    case .gateway: return .tus
    case .token:
      throw SluiceError(.failedPrecondition, SluiceError.Reason.formUnusable, "the broker planned a token, which was not among the forms")
    }
  }
}
