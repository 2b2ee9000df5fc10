// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Sluice

/// The names that this library writes and reads are those of the protos, which are read here as they stand in the repository.
@Suite struct ProtoNamesTests {
  static let text = try! ["scope", "token_broker"].map {
    try String(contentsOf: repository.appendingPathComponent("proto/sluice/token/v1/\($0).proto"), encoding: .utf8)
  }.joined()

  /// The JSON names of a message's fields.
  static func fields(of message: String) throws -> Set<String> {
    let body = try #require(text.range(of: #"message \#(message) \{[\s\S]*?\n\}"#, options: .regularExpression).map { text[$0] })
    let declaration = try Regex(#"(?m)^ +(?:optional |repeated )?[\w.]+(?:<[^>]*>)? (\w+) = \d+"#)
    return Set(
      body.matches(of: declaration).map { match in
        let words = match.output[1].substring!.split(separator: "_")
        return words[0] + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
      })
  }

  static func names<Key: CaseIterable & CodingKey>(_: Key.Type) -> Set<String> { Set(Key.allCases.map(\.stringValue)) }

  static let messages: [(String, Set<String>)] = [
    ("Scope", names(Scope.CodingKeys.self)),
    ("IssueTokenRequest", names(TokenRequest.CodingKeys.self)),
    ("IssueTokenResponse", names(Token.CodingKeys.self)),
    ("Credentials", names(Token.Credentials.CodingKeys.self)),
    ("SignUrlRequest", names(SignURLRequest.CodingKeys.self)),
    ("SignUrlResponse", names(SignedURLs.CodingKeys.self)),
    ("SignedUrl", names(SignedURL.CodingKeys.self)),
    ("PlanUploadRequest", names(PlanUploadRequest.CodingKeys.self)),
    ("PlanUploadResponse", names(UploadPlan.CodingKeys.self)),
    ("IssueTicketRequest", names(TicketRequest.CodingKeys.self)),
    ("IssueTicketResponse", names(Ticket.CodingKeys.self)),
  ]

  static let messageNames = messages.map { $0.0 }

  @Test(arguments: messageNames)
  func everyNameIsAFieldOfItsMessage(_ message: String) throws {
    let used = Self.messages.first { $0.0 == message }!.1
    let declared = try Self.fields(of: message)
    #expect(!used.isEmpty)
    #expect(used.subtracting(declared) == [], "of \(declared.sorted())")
  }

  @Test func everyEnumValueIsDeclared() throws {
    let values =
      Operation.allCases.map(\.rawValue) + SignURLRequest.Method.allCases.map(\.rawValue) + PlanUploadRequest.Form.allCases.map(\.rawValue)
    for value in values { #expect(Self.text.contains("  \(value) = "), "\(value)") }
  }

  @Test func everyOperationOfTheProtoIsKnown() throws {
    let declared = Self.text.matches(of: /\  (OPERATION_\w+) = [1-9]/).map { String($0.output.1) }
    #expect(Set(declared) == Set(Operation.allCases.map(\.rawValue)))
  }
}
