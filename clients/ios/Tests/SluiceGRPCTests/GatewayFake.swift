// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCProtobuf
import Sluice
import SluiceStubs

/// A gateway that keeps one upload in memory and fails as a test tells it, served inside the process.
@available(macOS 15.0, iOS 18.0, watchOS 11.0, tvOS 18.0, visionOS 2.0, *)
actor GatewayFake: Sluice_Upload_V1_UploadGateway.SimpleServiceProtocol {
  enum Fault: Sendable {
    /// Ends the stream so, once it has taken that many chunks.
    case end(afterChunks: Int, RPCError)
    /// Ends it before anything is answered.
    case refuse(RPCError)
  }

  private(set) var bytes = Data()
  private(set) var starts: [Sluice_Upload_V1_StartUploadRequest] = []
  private(set) var resumedWith: [String] = []
  private(set) var offsets: [UInt64] = []
  private(set) var finishes: [Sluice_Upload_V1_Finish] = []
  private var faults: [Fault]

  init(_ faults: [Fault] = []) {
    self.faults = faults
  }

  func seed(_ data: Data) {
    bytes = data
  }

  func upload(
    request: RPCAsyncSequence<Sluice_Upload_V1_UploadRequest, any Error>, response: RPCWriter<Sluice_Upload_V1_UploadResponse>,
    context: ServerContext
  ) async throws {
    let fault = faults.isEmpty ? nil : faults.removeFirst()
    if case .refuse(let error) = fault { throw error }
    var chunks = 0
    for try await message in request {
      switch message.message {
      case .start(let start):
        starts.append(start)
        bytes = Data()
        try await response.write(.with { $0.started.uploadID = "id-\(starts.count)" })
      case .uploadID(let id):
        resumedWith.append(id)
        try await response.write(.with { $0.committedBytes = UInt64(bytes.count) })
      case .chunk(let chunk):
        if case .end(let after, let error) = fault, chunks == after { throw error }
        chunks += 1
        offsets.append(chunk.offset)
        guard chunk.offset <= bytes.count else { throw RPCError(code: .outOfRange, message: "a gap") }
        bytes += chunk.data.dropFirst(bytes.count - Int(chunk.offset))
        try await response.write(.with { $0.committedBytes = UInt64(bytes.count) })
      case .finish(let finish):
        finishes.append(finish)
        try await response.write(
          .with {
            $0.committedBytes = UInt64(bytes.count)
            $0.object = .with { $0.sizeBytes = UInt64(bytes.count); $0.etag = "\"E1\""; $0.crc64 = finish.crc64 }
          })
      case nil: throw RPCError(code: .invalidArgument, message: "an empty message")
      }
    }
  }

  func startUpload(request: Sluice_Upload_V1_StartUploadRequest, context: ServerContext) async throws -> Sluice_Upload_V1_StartUploadResponse {
    throw RPCError(code: .unimplemented, message: "")
  }

  func getUpload(request: Sluice_Upload_V1_GetUploadRequest, context: ServerContext) async throws -> Sluice_Upload_V1_GetUploadResponse {
    throw RPCError(code: .unimplemented, message: "")
  }

  func abortUpload(request: Sluice_Upload_V1_AbortUploadRequest, context: ServerContext) async throws -> Sluice_Upload_V1_AbortUploadResponse {
    throw RPCError(code: .unimplemented, message: "")
  }
}
