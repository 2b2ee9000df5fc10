// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The JSON of protobuf where it differs from Codable's: durations are `"900s"`, times RFC 3339 to the nanosecond, 64-bit numbers text,
/// and what has its empty value is left out.
enum ProtoJSON {
  static func encode(_ message: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(message)
  }

  static func decode<Message: Decodable>(_ type: Message.Type, from data: Data) throws -> Message {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      // The decoder's own text may quote what it read, which may be a secret.
      throw SluiceError(.internal, SluiceError.Reason.answerInvalid, "the broker's answer is not the JSON of \(type)")
    }
  }

  static func time(_ text: String) -> Date? {
    var whole = text
    var fraction = 0.0
    if let dot = text.firstIndex(of: ".") {
      let digits = text[text.index(after: dot)...].prefix { ("0"..."9").contains($0) }
      guard let value = Double("0." + digits), !digits.isEmpty else { return nil }
      fraction = value
      whole = String(text[..<dot] + text[digits.endIndex...])
    }
    guard let seconds = try? Date(whole, strategy: .iso8601) else { return nil }
    return seconds.addingTimeInterval(fraction)
  }

  static func duration(_ text: String) -> Duration? {
    guard text.hasSuffix("s"), let seconds = Double(text.dropLast()), seconds.isFinite else { return nil }
    return .seconds(seconds)
  }
}

extension KeyedEncodingContainer {
  mutating func encode(unlessEmpty value: some Encodable & Collection, _ key: Key) throws {
    if !value.isEmpty { try encode(value, forKey: key) }
  }

  mutating func encode(seconds value: Duration?, _ key: Key) throws {
    if let value { try encode("\(value.components.seconds)s", forKey: key) }
  }

  mutating func encode(number value: UInt64?, _ key: Key) throws {
    if let value { try encode(String(value), forKey: key) }
  }
}

extension KeyedDecodingContainer {
  func value<Value: Decodable>(_ key: Key, or empty: Value) throws -> Value {
    try decodeIfPresent(Value.self, forKey: key) ?? empty
  }

  func number(_ key: Key) throws -> UInt64 {
    let text = try value(key, or: "0")
    guard let number = UInt64(text) else {
      throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "not a number")
    }
    return number
  }

  func time(_ key: Key) throws -> Date {
    guard let time = ProtoJSON.time(try decode(String.self, forKey: key)) else {
      throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "not a time")
    }
    return time
  }

  func duration(_ key: Key) throws -> Duration {
    guard let duration = ProtoJSON.duration(try value(key, or: "0s")) else {
      throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "not a duration")
    }
    return duration
  }
}
