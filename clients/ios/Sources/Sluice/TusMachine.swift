// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What a tus 1.0 client does next, and nothing of how: it is told what was answered and says which request follows. Uploads in the
/// foreground and in the background share it.
struct TusMachine: Sendable {
  enum Step: Sendable, Equatable {
    /// POST to the endpoint.
    case create
    /// HEAD, since nobody knows how far the upload is.
    case ask(URL)
    /// PATCH of bytes from there on.
    case send(URL, from: UInt64)
    case done
    case fail(SluiceError)
  }

  let endpoint: URL
  let size: UInt64
  let rules: HTTPRules
  /// How long nothing may be stored before the upload is given up.
  let patience: Duration

  private(set) var step: Step
  /// How long to wait before it.
  private(set) var wait: Duration = .zero
  private(set) var committed: UInt64 = 0
  private(set) var expires: Date?
  /// What a body must hold for anything of it to be stored, unless it is the upload's last.
  private(set) var leastPiece: UInt64 = 0
  /// Creations after the first.
  private(set) var restarts = 0

  private var failures = 0
  private var refusals = 0
  private var mismatches = 0
  private var lastMoved: ContinuousClock.Instant
  private let startLimit: Int

  init(
    endpoint: URL, size: UInt64, location: URL? = nil, restarts: Int = 0, rules: HTTPRules = HTTPRules(), patience: Duration = .seconds(300),
    now: ContinuousClock.Instant = .now
  ) {
    self.endpoint = endpoint
    self.size = size
    self.rules = rules
    self.patience = patience
    self.restarts = restarts
    startLimit = restarts + 2
    step = location.map { .ask($0) } ?? .create
    lastMoved = now
  }

  /// One whose bytes from `offset` on are on their way already, as a process that has ended sent them.
  init(sending location: URL, from offset: UInt64, of size: UInt64, endpoint: URL, restarts: Int, rules: HTTPRules, patience: Duration) {
    self.init(endpoint: endpoint, size: size, location: location, restarts: restarts, rules: rules, patience: patience)
    committed = offset
    step = .send(location, from: offset)
  }

  /// Of the upload, once there is one.
  var location: URL? {
    switch step {
    case .ask(let url), .send(let url, _): url
    case .create, .done, .fail: nil
    }
  }

  /// Bytes that were sent and not answered for: how far the upload is must be asked.
  mutating func takeInterruption() {
    wait = .zero
    if let location { step = .ask(location) }
  }

  /// No answer came.
  mutating func take(_ failure: SluiceError, now: ContinuousClock.Instant = .now) {
    guard failure.isRetryable else { return step = .fail(failure) }
    tryLater(failure, now)
  }

  mutating func take(_ answer: HTTPAnswer, now: ContinuousClock.Instant = .now) {
    wait = .zero
    if let text = answer.headers["upload-expires"] { expires = Self.date(text) ?? expires }
    switch (step, answer.status) {
    case (.create, 201):
      guard let location = ownLocation(answer.headers["location"]) else {
        return step = .fail(Self.strange("it created an upload at no address of its own"))
      }
      reach(Self.number(answer.headers["upload-offset"]) ?? 0, of: location, now)
    case (.ask(let location), 200..<300):
      guard let offset = Self.number(answer.headers["upload-offset"]) else { return step = .fail(Self.strange("it named no offset")) }
      if let length = Self.number(answer.headers["upload-length"]), length != size {
        return step = .fail(
          SluiceError(.aborted, SluiceError.Reason.fileChanged, "the upload was begun with \(length) bytes, and the file has \(size)"))
      }
      reach(offset, of: location, now)
    case (.send(let location, let from), 200..<300):
      guard let offset = Self.number(answer.headers["upload-offset"]), offset >= from else {
        return step = .fail(Self.strange("it named no offset, or one behind that of the bytes"))
      }
      reach(offset, of: location, now)
    case (.ask, 404), (.ask, 410), (.send, 404), (.send, 410):
      startAgain(answer.error)
    case (.ask(let location), 423), (.send(let location, _), 423):
      // Another server's lock; Sluice's gateway lets the newer request win.
      step = .ask(location)
      tryLater(SluiceError(.unavailable, "UPLOAD_LOCKED", "the server still holds the upload for an earlier request"), now)
    case (.send(let location, _), 409) where Self.isAboutOffset(answer.error):
      // Someone else's bytes, or ours whose answer was lost, are there already.
      step = .ask(location)
      tryLater(answer.error, now, first: .zero)
    case (.send(let location, _), 460):
      mismatches += 1
      step = mismatches < 3 ? .ask(location) : .fail(answer.error)
    case (.send, 400) where answer.error.reason == "CHUNK_TOO_SMALL":
      let least = Self.number(answer.error.metadata["least_bytes"]) ?? 0
      if least > leastPiece { leastPiece = least } else { step = .fail(answer.error) }
    case (_, 401):
      // The JWT ended on the way. The next request brings a new one; if that is no better, nobody here can help.
      refusals += 1
      if refusals > 2 { step = .fail(answer.error) } else { takeInterruption() }
    default:
      take(Self.judged(answer), now: now)
    }
  }

  private mutating func reach(_ offset: UInt64, of location: URL, _ now: ContinuousClock.Instant) {
    guard offset <= size else { return step = .fail(Self.strange("its offset is beyond the upload's end")) }
    if offset > committed {
      failures = 0
      mismatches = 0
      refusals = 0
      lastMoved = now
    }
    committed = offset
    step = offset == size ? .done : .send(location, from: offset)
  }

  private mutating func startAgain(_ error: SluiceError) {
    restarts += 1
    committed = 0
    step = restarts <= startLimit ? .create : .fail(error)
  }

  private mutating func tryLater(_ error: SluiceError, _ now: ContinuousClock.Instant, first: Duration? = nil) {
    guard lastMoved.duration(to: now) < patience else {
      return step = .fail(
        SluiceError(.unavailable, SluiceError.Reason.patienceEnded, "nothing was stored for \(patience): \(error.message)", metadata: error.metadata))
    }
    wait = failures == 0 ? first ?? rules.wait(before: 0, after: error) : rules.wait(before: failures, after: error)
    failures += 1
    if let location { step = .ask(location) }
  }

  /// Where the server put the upload: on itself only, since proofs go there.
  private func ownLocation(_ text: String?) -> URL? {
    guard let text, let url = URL(string: text, relativeTo: endpoint)?.absoluteURL else { return nil }
    return url.scheme == endpoint.scheme && url.host == endpoint.host && url.port == endpoint.port ? url : nil
  }

  /// 409 of tus is the offset's. Sluice's may mean more, and says so.
  private static func isAboutOffset(_ error: SluiceError) -> Bool {
    ["OFFSET_MISMATCH", "OFFSET_GAP", "STREAM_REPLACED", SluiceError.Reason.answerInvalid].contains(error.reason)
  }

  /// A 5xx that does not say what it is, as of a proxy, or in answer to HEAD, may pass.
  private static func judged(_ answer: HTTPAnswer) -> SluiceError {
    var error = answer.error
    if error.reason == SluiceError.Reason.answerInvalid, answer.status >= 500, answer.status != 501 { error.code = .unavailable }
    return error
  }

  private static func strange(_ what: String) -> SluiceError {
    SluiceError(.internal, SluiceError.Reason.answerInvalid, "the server does not speak tus as it should: \(what)")
  }

  private static func number(_ text: String?) -> UInt64? {
    text.flatMap { UInt64($0.trimmingCharacters(in: .whitespaces)) }
  }

  /// `Sun, 29 Nov 2026 09:00:00 GMT`
  static func date(_ text: String) -> Date? {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return formatter.date(from: text)
  }
}
