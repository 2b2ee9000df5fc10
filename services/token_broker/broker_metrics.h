// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/reasons/token_broker.h"
#include "common/telemetry/metrics.h"

namespace sluice::broker {

// What the broker counts. Every label takes values of a fixed set, so the number of series is bounded
// whatever callers send. Thread-safe; counting takes no lock, and a call that went well no string either.
class BrokerMetrics {
 public:
  enum class Method {
    kIssueToken,
    kSignUrl,
    kSignPostForm,
    kPlanUpload,
    kIssueTicket,
    kListGrants,
    kExplainAccess
  };
  // Where a token came from: the cache; an AssumeRole; one that another caller had caused; the cache, since
  // STS would not give a newer one; a failure remembered.
  enum class TokenAnswer { kHit, kMiss, kCoalesced, kStale, kNegative };

  // As the proto writes it: `IssueToken`. With a zero behind it.
  static std::string_view NameOf(Method method);

  BrokerMetrics();

  // A call, counted as its caller sees the outcome. `took` is from its arrival to its answer.
  void Called(Method method, const absl::Status& outcome, std::chrono::nanoseconds took);
  // A call was turned away before anything of it was looked at.
  void TurnedAway() { turned_away_.Add(); }
  void TokenAsked(TokenAnswer answer) { tokens_[static_cast<size_t>(answer)]->Add(); }
  // A cached token was renewed ahead of need.
  void Refreshed(bool good) { refreshes_[good]->Add(); }
  // `result` is `OK` or a reason.
  void StsCalled(std::string_view result, std::chrono::nanoseconds took);
  void TokenHandedOut(std::chrono::seconds life_left);
  // `what` is `config`, `tls`, `keys`, `jwks` or `deny`.
  void Reloaded(std::string_view what, bool good);
  // `cached` says that the same token had been verified before.
  void JwtVerified(bool cached) { jwts_[cached]->Add(); }

  // For gauges of other parts.
  telemetry::Metrics& registry() { return registry_; }
  std::string Text() const { return registry_.Text(); }

 private:
  static constexpr size_t kMethods = 7;
  static constexpr size_t kCodes = 17;
  using Counters = std::array<telemetry::Counter*, reasons::kTokenBroker.size()>;

  telemetry::Counter& Unlisted(Method method, absl::StatusCode code);

  telemetry::Metrics registry_;
  std::array<telemetry::Counter*, kMethods> good_;
  std::array<telemetry::Histogram*, kMethods> seconds_;
  // By method and place in the table of reasons.
  std::array<Counters, kMethods> refused_;
  std::mutex unlisted_mutex_;
  // Guarded by unlisted_mutex_; null until the first of its kind.
  std::array<std::array<telemetry::Counter*, kCodes>, kMethods> unlisted_{};
  std::array<telemetry::Counter*, 5> tokens_;
  std::array<telemetry::Counter*, 2> refreshes_;
  std::array<telemetry::Counter*, 2> jwts_;
  std::array<telemetry::Counter*, 10> sts_;
  std::array<std::array<telemetry::Counter*, 2>, 6> reloads_;
  telemetry::Counter& turned_away_;
  telemetry::Histogram& sts_seconds_;
  telemetry::Histogram& life_;
};

}  // namespace sluice::broker
