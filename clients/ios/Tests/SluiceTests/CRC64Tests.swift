// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

@Suite struct CRC64Tests {
  struct Vector: Decodable, Sendable, CustomTestStringConvertible {
    struct Expected: Decodable { var crc64: String }
    var name: String
    var data: String?
    var running: String?
    var parts: [String]?
    var expected: Expected
    var testDescription: String { name }
  }

  static let vectors = try! JSONDecoder().decode(
    [Vector].self, from: Data(contentsOf: repository.appendingPathComponent("tests/vectors/crc64.json")))

  static let wholes = vectors.filter { $0.data != nil }
  static let pieces = vectors.filter { $0.parts != nil }

  @Test(arguments: wholes)
  func agreesWithThePublishedVectors(_ vector: Vector) throws {
    var crc = CRC64(from: try #require(UInt64(vector.running ?? "0")))
    crc.update(Data(vector.data!.utf8))
    #expect(String(crc.value) == vector.expected.crc64)
  }

  @Test(arguments: pieces)
  func goesOnFromOnePieceToTheNext(_ vector: Vector) {
    var crc = CRC64()
    for part in vector.parts! { crc.update(Data(part.utf8)) }
    #expect(String(crc.value) == vector.expected.crc64)
  }

  @Test func everySplitOfTheBytesGivesTheSameSum() throws {
    let (_, data) = try TemporaryFolder().file(bytes: 61)
    var whole = CRC64()
    whole.update(data)
    for split in 0...data.count {
      var crc = CRC64()
      crc.update(data.prefix(split))
      crc.update(data.dropFirst(split))
      #expect(crc == whole)
    }
  }

  @Test func ofAFileIsThatOfItsBytes() throws {
    let folder = try TemporaryFolder()
    let (url, data) = try folder.file(bytes: 2_500_001)
    var crc = CRC64()
    crc.update(data)
    #expect(try CRC64.of(contentsOf: url) == crc.value)
  }
}
