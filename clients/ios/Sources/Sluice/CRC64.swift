// SPDX-License-Identifier: Apache-2.0
import Foundation

/// CRC-64/XZ, which OSS answers with every object as `x-oss-hash-crc64ecma`.
public struct CRC64: Sendable, Equatable {
  public private(set) var value: UInt64

  /// Goes on from the CRC of what came before; 0 is that of nothing.
  public init(from value: UInt64 = 0) {
    self.value = value
  }

  public mutating func update(_ bytes: some ContiguousBytes) {
    bytes.withUnsafeBytes { update($0) }
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var crc = ~value
    Self.tables.withUnsafeBufferPointer { table in
      let words = bytes.count / 8
      for word in 0..<words {
        crc ^= UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))
        var mixed: UInt64 = 0
        for place in 0..<8 {
          mixed ^= table[(7 - place) * 256 + Int(truncatingIfNeeded: crc & 0xff)]
          crc >>= 8
        }
        crc = mixed
      }
      for index in words * 8..<bytes.count {
        crc = table[Int((crc ^ UInt64(bytes[index])) & 0xff)] ^ (crc >> 8)
      }
    }
    value = ~crc
  }

  /// Of a whole file, read piece by piece; ends early where the task is cancelled.
  public static func of(contentsOf file: URL) throws -> UInt64 {
    let handle = try FileHandle(forReadingFrom: file)
    defer { try? handle.close() }
    var crc = CRC64()
    while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
      try Task.checkCancellation()
      crc.update(piece)
    }
    return crc.value
  }

  /// Eight tables, so that eight bytes are taken at once: table n holds the CRC of a byte that n zero bytes follow.
  private static let tables: [UInt64] = {
    let polynomial: UInt64 = 0xC96C_5795_D787_0F42
    var tables = [UInt64](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var crc = UInt64(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ polynomial : crc >> 1 }
      tables[byte] = crc
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = tables[Int(before & 0xff)] ^ (before >> 8)
    }
    return tables
  }()
}
