// SPDX-License-Identifier: Apache-2.0
import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// An HTTP server on a free port of this machine, whose answers a test writes: so the library's own URLSession is what is tested, with its
/// bodies, progress and broken connections. One request for each connection.
final class LoopbackServer: @unchecked Sendable {
  struct Request: Sendable {
    var method: String
    var path: String
    /// By lower-case names.
    var headers: [String: String]
    var body = Data()
  }

  struct Reply: Sendable {
    var status: Int
    var headers: [String: String] = [:]
    var body = Data()
    /// Closes the connection instead.
    var isCut = false

    static let cut = Reply(status: 0, isCut: true)

    static func json(_ status: Int, _ text: String) -> Reply {
      Reply(status: status, headers: ["Content-Type": "application/json"], body: Data(text.utf8))
    }

    /// As Sluice's services refuse.
    static func refusal(_ status: Int, _ code: String, _ reason: String, metadata: String = "{}", retryAfter: Int? = nil) -> Reply {
      let wait = retryAfter.map { #", "retryAfterSeconds": \#($0)"# } ?? ""
      return json(
        status, #"{"code": "\#(code)", "reason": "\#(reason)", "message": "so it is", "metadata": \#(metadata), "requestId": "r1"\#(wait)}"#)
    }
  }

  let url: URL
  private let listener: Int32
  private let handle: @Sendable (Request) async -> Reply
  /// How much of a body is taken before the connection is closed; nil for all of it.
  private let cutBody: @Sendable (Request) -> Int?
  private let lock = NSLock()
  private var seen: [Request] = []  // guarded by lock

  init(cutBody: @escaping @Sendable (Request) -> Int? = { _ in nil }, handle: @escaping @Sendable (Request) async -> Reply) {
    self.handle = handle
    self.cutBody = cutBody
    #if canImport(Glibc)
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
    let listener = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        precondition(bind(listener, address, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, address, &size) == 0)
      }
    }
    url = URL(string: "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))")!
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        guard let self else {
          close(connection)
          return
        }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  var requests: [Request] {
    lock.withLock { seen }
  }

  private func serve(_ connection: Int32) {
    #if canImport(Darwin)
    var on: Int32 = 1
    setsockopt(connection, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
    #endif
    var received = Data()
    let end = Data("\r\n\r\n".utf8)
    while received.range(of: end) == nil {
      guard let more = receive(connection) else { return abandon(connection) }
      received += more
    }
    let headEnd = received.range(of: end)!
    var request = Self.parse(received[..<headEnd.lowerBound])
    request.body = Data(received[headEnd.upperBound...])
    let length = Int(request.headers["content-length"] ?? "0") ?? 0
    let cut = cutBody(request)
    while request.body.count < min(length, cut ?? length) {
      guard let more = receive(connection) else { break }
      request.body += more
    }
    if let cut { request.body = request.body.prefix(cut) }
    lock.withLock { seen.append(request) }
    let (answered, answer) = (DispatchSemaphore(value: 0), Shared(Reply.cut))
    Task { [handle, request] in
      let reply = await handle(request)
      answer.with { $0 = reply }
      answered.signal()
    }
    answered.wait()
    let reply = answer.current
    guard !reply.isCut, cut == nil else { return abandon(connection) }
    var text = "HTTP/1.1 \(reply.status) Test\r\nConnection: close\r\n"
    if reply.status != 204, request.method != "HEAD" { text += "Content-Length: \(reply.body.count)\r\n" }
    for (name, value) in reply.headers { text += "\(name): \(value)\r\n" }
    send(connection, Data((text + "\r\n").utf8) + (request.method == "HEAD" ? Data() : reply.body))
    close(connection)
  }

  /// With a reset where bytes are unread, as a process that dies leaves it.
  private func abandon(_ connection: Int32) {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
    close(connection)
  }

  private func receive(_ connection: Int32) -> Data? {
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    let count = recv(connection, &buffer, buffer.count, 0)
    return count > 0 ? Data(buffer[..<count]) : nil
  }

  private func send(_ connection: Int32, _ data: Data) {
    #if canImport(Glibc)
    let flags = Int32(MSG_NOSIGNAL)
    #else
    let flags: Int32 = 0
    #endif
    data.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        #if canImport(Glibc)
        let count = Glibc.send(connection, bytes.baseAddress! + sent, bytes.count - sent, flags)
        #else
        let count = Darwin.send(connection, bytes.baseAddress! + sent, bytes.count - sent, flags)
        #endif
        guard count > 0 else { return }
        sent += count
      }
    }
  }

  private static func parse(_ head: Data) -> Request {
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    let first = lines[0].split(separator: " ")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    return Request(method: String(first[0]), path: String(first[1]), headers: headers)
  }
}
