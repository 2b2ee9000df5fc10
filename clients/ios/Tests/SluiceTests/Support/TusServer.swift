// SPDX-License-Identifier: Apache-2.0
import Foundation

@testable import Sluice

/// A tus server that keeps its uploads in memory, and fails as a test tells it.
final class TusServer: @unchecked Sendable {
  typealias Request = LoopbackServer.Request
  typealias Reply = LoopbackServer.Reply

  /// Answers instead of the server, or nil to let it answer.
  typealias Fault = @Sendable (_ request: Request, _ count: Int) -> Reply?

  private struct Upload {
    var length: Int
    var bytes = Data()
  }

  private let lock = NSLock()
  private var uploads: [String: Upload] = [:]  // guarded by lock, as below
  private var counts: [String: Int] = [:]
  private var created = 0
  private let fault: Fault
  private var server: LoopbackServer!

  /// `count` is how many requests of that method there have been, this one included. `takeOnly` cuts the connection after as much of a
  /// PATCH; what came until then is kept. `hold` keeps one
  /// PATCH waiting before anything of it counts.
  init(
    fault: @escaping Fault = { _, _ in nil }, takeOnly: @escaping @Sendable (_ patch: Int) -> Int? = { _ in nil },
    hold: Hold? = nil
  ) {
    self.fault = fault
    server = LoopbackServer { [weak self] request in
      guard let self, request.method == "PATCH" else { return nil }
      return takeOnly(lock.withLock { self.counts["PATCH", default: 0] } + 1)
    } handle: { [weak self] request in
      if request.method == "PATCH" { await hold?.wait() }
      return self?.answer(request) ?? .cut
    }
  }

  var endpoint: URL { server.url.appendingPathComponent("files/") }
  var requests: [Request] { server.requests }
  var methods: [String] { requests.map(\.method) }

  /// Of the upload that was made last.
  var stored: Data? {
    lock.withLock { uploads["/files/\(created)"]?.bytes }
  }

  func forgetUploads() {
    lock.withLock { uploads = [:] }
  }

  /// An upload as another client left it.
  func seed(length: Int, bytes: Data) -> URL {
    lock.withLock {
      created += 1
      uploads["/files/\(created)"] = Upload(length: length, bytes: bytes)
      return server.url.appendingPathComponent("files/\(created)")
    }
  }

  private func answer(_ request: Request) -> Reply {
    lock.withLock {
      counts[request.method, default: 0] += 1
      if let reply = fault(request, counts[request.method]!) { return reply }
      guard request.headers["tus-resumable"] == "1.0.0" else { return Reply(status: 412) }
      if request.method == "POST" { return create(request) }
      guard var upload = uploads[request.path] else { return Reply(status: 404) }
      switch request.method {
      case "HEAD":
        return Reply(status: 200, headers: ["Upload-Offset": "\(upload.bytes.count)", "Upload-Length": "\(upload.length)", "Cache-Control": "no-store"])
      case "PATCH":
        guard request.headers["content-type"] == "application/offset+octet-stream" else { return Reply(status: 415) }
        guard request.headers["upload-offset"] == "\(upload.bytes.count)" else { return Reply(status: 409) }
        upload.bytes += request.body
        uploads[request.path] = upload
        return Reply(status: 204, headers: ["Upload-Offset": "\(upload.bytes.count)"])
      case "DELETE":
        uploads[request.path] = nil
        return Reply(status: 204)
      default:
        return Reply(status: 405)
      }
    }
  }

  private func create(_ request: Request) -> Reply {
    guard let length = Int(request.headers["upload-length"] ?? "") else { return Reply(status: 400) }
    created += 1
    uploads["/files/\(created)"] = Upload(length: length, bytes: request.body)
    return Reply(
      status: 201,
      headers: [
        "Location": "/files/\(created)", "Upload-Offset": "\(request.body.count)", "Upload-Expires": "Sun, 29 Nov 2099 09:00:00 GMT",
      ])
  }
}

/// Holds the n-th who comes until it is let go.
actor Hold {
  private let which: Int
  private var came = 0
  private var isOpen = false
  private var held: [CheckedContinuation<Void, Never>] = []

  init(_ which: Int) {
    self.which = which
  }

  var isReached: Bool { came >= which }

  func wait() async {
    came += 1
    if came == which, !isOpen { await withCheckedContinuation { held.append($0) } }
  }

  func open() {
    isOpen = true
    for one in held { one.resume() }
    held = []
  }
}
