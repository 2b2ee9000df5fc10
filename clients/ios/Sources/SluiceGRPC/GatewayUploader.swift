// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCProtobuf
import Sluice
import SluiceStubs

/// Uploads files to a gateway by gRPC while the app is in the foreground. One stream carries an upload; whatever breaks it, another goes
/// on from the offset that the gateway names, with the proof of its own moment. gRPC cannot upload while the app is suspended: pass the
/// saved upload on to `BackgroundUploads` by `SavedUpload.continued(by:at:)`.
///
/// The client's connections are the app's to run, as `withGRPCClient` does.
@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
public struct GatewayUploader<Transport: ClientTransport>: Sendable {
  private let client: GRPCClient<Transport>
  private let proof: CallerProof
  private let store: UploadStore?
  private let rules: HTTPRules
  private let patience: Duration

  /// `proof` is a JWT whose audience is the gateway's: `sluice-gateway`. Without a store an upload ends with the process. An upload is
  /// given up when nothing of it was stored for as long as `patience`.
  public init(
    _ client: GRPCClient<Transport>, proof: CallerProof, store: UploadStore? = nil, rules: HTTPRules = HTTPRules(),
    patience: Duration = .seconds(300)
  ) {
    self.client = client
    self.proof = proof
    self.store = store
    self.rules = rules
    self.patience = patience
  }

  /// Fails at once where there is no such file; all else the handle tells.
  public func upload(_ file: URL, as order: UploadOrder) throws -> Upload {
    resume(SavedUpload(.grpc, try SourceFile(file), as: order))
  }

  /// Goes on where a saved one is; from the start where the gateway no longer knows it.
  public func resume(_ saved: SavedUpload) -> Upload {
    Upload { gate, tell in try await run(saved, gate, tell) }
  }

  private func run(
    _ begun: SavedUpload, _ gate: Gate, _ tell: @escaping @Sendable (UploadProgress) -> Void
  ) async throws -> StoredObject {
    var saved = begun
    try saved.readCRC64()
    let keeper = Keeper(saved, in: store)
    try await keeper.save()
    var recovery = StreamRecovery(patience: patience)
    while true {
      let committed = await keeper.saved.committedBytes
      do {
        if let object = try await gate.pass({ try await stream(keeper, tell) }) {
          await keeper.remove()
          return object
        }
      } catch let error as SluiceError {
        let moved = await keeper.saved.committedBytes > committed
        switch recovery.judge(error, moved: moved, resumed: await keeper.saved.location != nil) {
        case .goOn: break
        case .startAgain: try await keeper.startAgain()
        case .fail:
          if !error.isRetryable { await keeper.remove() }
          throw error
        }
        try await rules.sleep(rules.wait(before: recovery.failures, after: error))
      }
    }
  }

  /// One stream, from its opening to the object or to what broke it.
  private func stream(_ keeper: Keeper, _ tell: @escaping @Sendable (UploadProgress) -> Void) async throws -> StoredObject {
    let saved = await keeper.saved
    let (offsets, heard) = AsyncStream.makeStream(of: UInt64.self, bufferingPolicy: .bufferingNewest(1))
    var metadata = Metadata()
    if let (name, value) = try await proof.current() { metadata.addString(value, forKey: name.lowercased()) }
    let gateway = Sluice_Upload_V1_UploadGateway.Client(wrapping: client)
    do {
      return try await gateway.upload(metadata: metadata) { writer in
        try await writer.write(saved.opening)
        // A new upload has nothing yet; how far another is must be heard first.
        var from: UInt64 = 0
        if saved.location != nil {
          guard let told = await offsets.first(where: { _ in true }) else { return }
          from = told
        }
        try await send(saved, from: from, to: writer, tell)
      } onResponse: { response in
        defer { heard.finish() }
        var object: Sluice_Upload_V1_UploadedObject?
        for try await answer in response.messages {
          if answer.hasStarted { try await keeper.keep(answer.started) }
          try await keeper.keep(committed: answer.committedBytes)
          heard.yield(answer.committedBytes)
          tell(saved.progress(sent: answer.committedBytes, committed: answer.committedBytes))
          if answer.hasObject { object = answer.object }
        }
        guard let object else {
          throw SluiceError(.unavailable, SluiceError.Reason.unreachable, "the stream ended without an object")
        }
        return StoredObject(object, path: saved.order.path)
      }
    } catch {
      throw SluiceError.meaning(ofRPC: error)
    }
  }

  /// Every `write` waits until the connection takes the bytes, which is how a slow network, or a gateway whose memory is used up, holds
  /// the file back: one piece is in memory at a time.
  private func send(
    _ saved: SavedUpload, from offset: UInt64, to writer: RPCWriter<Sluice_Upload_V1_UploadRequest>,
    _ tell: @escaping @Sendable (UploadProgress) -> Void
  ) async throws {
    var at = offset
    while at < saved.file.sizeBytes {
      let piece = try saved.file.read(from: at, count: 1 << 20)
      try await writer.write(.with { $0.chunk = .with { $0.offset = at; $0.data = piece } })
      at += UInt64(piece.count)
    }
    try await writer.write(.with { $0.finish = .with { if let crc64 = saved.crc64 { $0.crc64 = crc64 } } })
  }
}

/// Keeps what is known of one upload, here and in the store.
private actor Keeper {
  private(set) var saved: SavedUpload
  private let store: UploadStore?

  init(_ saved: SavedUpload, in store: UploadStore?) {
    self.saved = saved
    self.store = store
  }

  func keep(_ started: Sluice_Upload_V1_StartUploadResponse) async throws {
    guard !started.uploadID.isEmpty else { return }
    saved.location = Secret(started.uploadID)
    saved.expires = started.expireTime.date
    try await save()
  }

  func keep(committed bytes: UInt64) async throws {
    guard bytes > saved.committedBytes else { return }
    saved.committedBytes = bytes
  }

  func startAgain() async throws {
    saved.location = nil
    saved.committedBytes = 0
    saved.restarts += 1
    try await save()
  }

  func save() async throws { try await store?.save(saved) }
  func remove() async { await store?.remove(saved.id) }
}

extension SavedUpload {
  fileprivate var opening: Sluice_Upload_V1_UploadRequest {
    .with { request in
      if let location {
        request.uploadID = location.reveal()
      } else {
        request.start = .with {
          $0.grant = order.grant
          $0.path = order.path
          $0.sizeBytes = file.sizeBytes
          $0.contentType = order.contentType
          $0.metadata = order.metadata
          $0.overwrite = order.overwrite
          $0.requestID = requestID
          if let crc64 { $0.crc64 = crc64 }
        }
      }
    }
  }

  fileprivate func progress(sent: UInt64, committed: UInt64) -> UploadProgress {
    UploadProgress(sentBytes: sent, committedBytes: committed, totalBytes: file.sizeBytes)
  }
}

extension StoredObject {
  fileprivate init(_ object: Sluice_Upload_V1_UploadedObject, path: String) {
    self.init(
      path: path, sizeBytes: object.sizeBytes, etag: object.etag, crc64: object.crc64,
      versionID: object.versionID.isEmpty ? nil : object.versionID)
  }
}
