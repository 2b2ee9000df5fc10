// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/load.h"

#include <algorithm>
#include <string>

#include "absl/hash/hash.h"
#include "common/base/status.h"

namespace sluice::broker {
namespace {

absl::Status Overloaded(std::chrono::milliseconds wait) {
  return Fail(absl::StatusCode::kUnavailable, "BROKER_OVERLOADED",
              "this broker has more calls than it can serve in time; try again")
      .RetryAfter(wait);
}

std::chrono::milliseconds WholeMillis(Timers::SteadyTime::duration wait) {
  return std::chrono::ceil<std::chrono::milliseconds>(wait);
}

}  // namespace

Load::Load(const LoadLimits& limits, const Timers& timers)
    : timers_(timers),
      most_in_flight_(limits.in_flight),
      overall_(limits.calls_per_second, 1),
      subjects_(limits.subject_calls_per_second, 1 << 16),
      grants_(limits.grant_calls_per_second, 1 << 12) {}

void Load::Set(const LoadLimits& limits) {
  most_in_flight_ = limits.in_flight;
  overall_.SetRate(limits.calls_per_second);
  subjects_.SetRate(limits.subject_calls_per_second);
  grants_.SetRate(limits.grant_calls_per_second);
}

absl::Status Load::Enter() {
  const uint32_t most = most_in_flight_.load(std::memory_order_relaxed);
  const int64_t now = in_flight_.fetch_add(1, std::memory_order_relaxed);
  if (most != 0 && now >= most) {
    Leave();
    return TurnAway();
  }
  if (!overall_.limited()) return absl::OkStatus();
  if (const auto wait = overall_.Take(0, timers_.Now()); wait.count() > 0) {
    Leave();
    return Overloaded(WholeMillis(wait));
  }
  return absl::OkStatus();
}

absl::Status Load::TurnAway() {
  constexpr int64_t kFirst = 1'000'000'000;
  constexpr int64_t kGap = 500'000;
  constexpr int64_t kLast = 60 * kFirst;
  const int64_t now = timers_.Now().time_since_epoch().count();
  int64_t last = last_return_.load(std::memory_order_relaxed);
  int64_t mine = 0;
  do {
    mine = std::min(std::max(last + kGap, now + kFirst), now + kLast);
  } while (!last_return_.compare_exchange_weak(last, mine, std::memory_order_relaxed));
  return Overloaded(WholeMillis(std::chrono::nanoseconds(mine - now)));
}

absl::Status Load::TakeOfCaller(const identity::Caller& caller, std::string_view peer) {
  if (!subjects_.limited()) return absl::OkStatus();
  const uint64_t name = absl::HashOf(std::string_view(caller.provider),
                                     caller.anonymous ? peer : std::string_view(caller.subject));
  const auto wait = subjects_.Take(name, timers_.Now());
  if (wait.count() == 0) return absl::OkStatus();
  return Fail(absl::StatusCode::kResourceExhausted, "SUBJECT_RATE_EXCEEDED",
              "you ask too often; keep each token until its refresh_after")
      .RetryAfter(WholeMillis(wait));
}

absl::Status Load::TakeOfGrant(std::string_view grant) {
  if (!grants_.limited()) return absl::OkStatus();
  const auto wait = grants_.Take(RateTable::NameOf(grant), timers_.Now());
  if (wait.count() == 0) return absl::OkStatus();
  return Fail(absl::StatusCode::kResourceExhausted, "GRANT_RATE_EXCEEDED",
              "the grant " + std::string(grant) + " is asked for too often by all its callers; try again")
      .RetryAfter(WholeMillis(wait));
}

}  // namespace sluice::broker
