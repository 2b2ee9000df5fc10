// SPDX-License-Identifier: Apache-2.0
import Foundation

@testable import Sluice

/// A folder that goes when the test does.
final class TemporaryFolder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("sluice-test-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  /// A file of bytes that differ everywhere, so that none can stand in another's place.
  func file(_ name: String = "file.bin", bytes count: Int) throws -> (url: URL, data: Data) {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    let words = (0..<count / 8 + 1).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
    let data = words.withUnsafeBytes { Data($0.prefix(count)) }
    let place = url.appendingPathComponent(name)
    try data.write(to: place)
    return (place, data)
  }
}

/// A value that tasks share.
final class Shared<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value  // guarded by lock

  init(_ value: Value) {
    self.value = value
  }

  func with<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    try lock.withLock { try body(&value) }
  }

  var current: Value { with { $0 } }
}

extension HTTPRules {
  /// Never sleeps, and remembers for how long it would have.
  static func counting(_ slept: Shared<[Duration]> = Shared([])) -> HTTPRules {
    var rules = HTTPRules()
    rules.sleep = { wait in
      try Task.checkCancellation()
      slept.with { $0.append(wait) }
    }
    return rules
  }
}

/// Asks again until `ready`, for ten seconds at most.
func eventually(_ ready: @Sendable () async throws -> Bool) async throws -> Bool {
  for _ in 0..<1000 {
    if try await ready() { return true }
    try await Task.sleep(for: .milliseconds(10))
  }
  return false
}

/// The root of the repository, where the vectors and the protos are.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../../..").standardizedFileURL

/// A token as the broker writes it.
func tokenJSON(
  _ id: String = "STS.1", server: String = "2026-11-29T09:00:00Z", refresh: String = "2026-11-29T09:44:00Z",
  expire: String = "2026-11-29T10:00:00Z"
) -> String {
  """
  {"credentials": {"accessKeyId": "\(id)", "accessKeySecret": "very-secret", "securityToken": "also-secret"},
   "expireTime": "\(expire)", "refreshAfter": "\(refresh)", "serverTime": "\(server)", "grantId": "g1",
   "scope": {"bucket": "b", "region": "cn-hangzhou", "endpoint": "https://oss-cn-hangzhou.aliyuncs.com", "prefix": "uploads/alice/",
             "operations": ["OPERATION_UPLOAD", "OPERATION_OF_THE_FUTURE"]}}
  """
}

func token(_ id: String = "STS.1") throws -> Token {
  try ProtoJSON.decode(Token.self, from: Data(tokenJSON(id).utf8))
}

/// What a call failed by; nil where it did not, or by something else.
func failure<Value>(_ call: () async throws -> Value) async -> SluiceError? {
  do {
    _ = try await call()
    return nil
  } catch {
    return error as? SluiceError
  }
}
