// SPDX-License-Identifier: Apache-2.0
import Sluice

/// What to do when a stream of an upload has broken. Pure.
struct StreamRecovery: Sendable {
  enum Verdict: Equatable {
    /// Open another from where the gateway says.
    case goOn
    /// The gateway no longer knows the upload.
    case startAgain
    case fail
  }

  let patience: Duration
  private(set) var failures = 0
  private var mismatches = 0
  private var restarts = 0
  private var lastMoved: ContinuousClock.Instant

  init(patience: Duration, now: ContinuousClock.Instant = .now) {
    self.patience = patience
    lastMoved = now
  }

  /// `moved`: the stream had stored something. `resumed`: it had gone on with an upload that was there.
  mutating func judge(_ error: SluiceError, moved: Bool, resumed: Bool, now: ContinuousClock.Instant = .now) -> Verdict {
    if moved {
      failures = 0
      mismatches = 0
      lastMoved = now
    } else {
      failures += 1
    }
    switch error.code {
    case .dataLoss,
      .aborted where error.reason != SluiceError.Reason.fileChanged:
      // Bytes were spoiled on the way, or parts of a stream that was cut arrived late: sent again from what is stored.
      mismatches += 1
      if mismatches >= 3 { return .fail }
    case .notFound where resumed:
      restarts += 1
      return restarts <= 2 ? .startAgain : .fail
    default:
      guard error.isRetryable || error.reason == "OFFSET_GAP" else { return .fail }
    }
    return lastMoved.duration(to: now) < patience ? .goOn : .fail
  }
}
