// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Uploads files to a gateway by tus while the app is in the foreground: with progress, pause, and resume in the same process or a later
/// one. For uploads that go on while the app sleeps see `BackgroundUploads`.
public struct TusUploader: Sendable {
  private let endpoint: TusEndpoint
  private let store: UploadStore?
  /// What one request carries, and so what a break costs at most.
  private let pieceBytes: Int
  private let patience: Duration

  /// Without a store an upload ends with the process.
  public init(_ endpoint: TusEndpoint, store: UploadStore? = nil, pieceBytes: Int = 8 << 20, patience: Duration = .seconds(300)) {
    precondition(pieceBytes > 0, "a piece has at least one byte")
    self.endpoint = endpoint
    self.store = store
    self.pieceBytes = pieceBytes
    self.patience = patience
  }

  /// Fails at once where there is no such file; all else the handle tells.
  public func upload(_ file: URL, as order: UploadOrder) throws -> Upload {
    resume(SavedUpload(.tus, try SourceFile(file), as: order))
  }

  /// Goes on where a saved one is; from the start where the server no longer knows it.
  public func resume(_ saved: SavedUpload) -> Upload {
    Upload { gate, tell in try await run(saved, gate, tell) }
  }

  private func run(
    _ begun: SavedUpload, _ gate: Gate, _ tell: @escaping @Sendable (UploadProgress) -> Void
  ) async throws -> StoredObject {
    var saved = begun
    let size = saved.file.sizeBytes
    var machine = TusMachine(
      endpoint: endpoint.address, size: size, location: saved.location.flatMap { URL(string: $0.reveal()) },
      restarts: saved.restarts, rules: endpoint.http.rules, patience: patience)
    try saved.readCRC64()
    try await store?.save(saved)
    while true {
      tell(UploadProgress(sentBytes: machine.committed, committedBytes: machine.committed, totalBytes: size))
      switch machine.step {
      case .done:
        await store?.remove(saved.id)
        return StoredObject(path: saved.order.path, sizeBytes: size, crc64: saved.crc64)
      case .fail(let error):
        // What may still be gone on with stays in the store; `patience` may have ended in a tunnel.
        if !error.isRetryable { await store?.remove(saved.id) }
        throw error
      case .create, .ask, .send:
        if machine.wait > .zero { try await endpoint.http.rules.sleep(machine.wait) }
        try await take(machine.step, &machine, saved, gate, tell)
      }
      let location = machine.location.map { Secret($0.absoluteString) }
      if location != saved.location || machine.committed != saved.committedBytes, machine.step != .done {
        saved.location = location
        saved.committedBytes = machine.committed
        saved.expires = machine.expires
        saved.restarts = machine.restarts
        try await store?.save(saved)
      }
    }
  }

  private func take(
    _ step: TusMachine.Step, _ machine: inout TusMachine, _ saved: SavedUpload, _ gate: Gate,
    _ tell: @escaping @Sendable (UploadProgress) -> Void
  ) async throws {
    let endpoint = endpoint
    do {
      let answer: HTTPAnswer?
      switch step {
      case .create:
        var whole = Data()
        var request = endpoint.creation(of: saved)
        if (1...TusEndpoint.smallObject).contains(saved.file.sizeBytes) {
          whole = try saved.file.read(from: 0, count: Int(saved.file.sizeBytes))
          request = endpoint.wholeCreation(of: saved)
        }
        answer = try await gate.pass { [request, whole] in try await endpoint.http.send(request, body: .data(whole)) }
      case .ask(let location):
        answer = try await gate.pass { try await endpoint.http.send(endpoint.question(location)) }
      case .send(let location, let from):
        let piece = try saved.file.read(from: from, count: max(pieceBytes, Int(clamping: machine.leastPiece)))
        let total = saved.file.sizeBytes
        answer = try await gate.pass {
          try await endpoint.http.send(endpoint.piece(location, from: from), body: .data(piece)) { sent in
            tell(UploadProgress(sentBytes: from + sent, committedBytes: from, totalBytes: total))
          }
        }
      case .done, .fail:
        return
      }
      if let answer { machine.take(answer) } else { machine.takeInterruption() }
    } catch let error as SluiceError {
      machine.take(error)
    }
  }
}
