// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/call_pace.h"

#include <algorithm>

namespace sluice::broker {
namespace {

// In units of a call, so that a nanosecond at a tenth of a call per 21 seconds is one: nothing is ever
// rounded.
constexpr int64_t kCall = 210'000'000'000;
constexpr int kFull = 10;

int64_t Nanoseconds(Deadline::SteadyTime::duration span) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(span).count();
}

}  // namespace

CallPace::CallPace(uint32_t share, SteadyTime now) : at_(now) {
  Divide(share);
  level_ = burst_ * kCall;
}

void CallPace::Divide(uint32_t share) {
  share_ = std::max(1u, share);
  burst_ = std::max(1u, share_ / 20);
  // What a full bucket holds and what flows in during 1.05 s come to share_ + 1, of which the last is not
  // within them: calls sent within that time may arrive within one second.
  flow_ = 20 * (int64_t{share_} - burst_ + 1);
}

void CallPace::SetShare(uint32_t share, SteadyTime now) {
  Refill(now);
  Divide(share);
  level_ = std::min(level_, burst_ * kCall);
}

void CallPace::Refill(SteadyTime now) {
  while (at_ < now) {
    const SteadyTime until = tenths_ < kFull ? std::min(now, step_) : now;
    const int64_t speed = flow_ * tenths_;
    const int64_t room = burst_ * kCall - level_;
    const int64_t elapsed = Nanoseconds(until - at_);
    // Compared by division, since hours times the speed may not fit.
    level_ += elapsed > room / speed ? room : elapsed * speed;
    at_ = until;
    if (tenths_ == kFull || at_ != step_) continue;
    ++tenths_;
    step_ += std::chrono::seconds(1);
  }
}

bool CallPace::Take(SteadyTime now) {
  Refill(now);
  if (level_ < kCall) return false;
  level_ -= kCall;
  return true;
}

void CallPace::SlowDown(SteadyTime now) {
  Refill(now);
  level_ = 0;
  tenths_ = std::max(1, tenths_ / 2);
  step_ = at_ + std::chrono::seconds(1);
}

uint32_t CallPace::Left(SteadyTime now) {
  Refill(now);
  return static_cast<uint32_t>(level_ / kCall);
}

CallPace::SteadyTime CallPace::When(size_t calls, SteadyTime now) {
  Refill(now);
  int64_t missing = static_cast<int64_t>(calls) * kCall - level_;
  SteadyTime at = at_;
  SteadyTime step = step_;
  for (int tenths = tenths_; missing > 0; ++tenths, step += std::chrono::seconds(1)) {
    const int64_t speed = flow_ * tenths;
    const std::chrono::nanoseconds needed((missing + speed - 1) / speed);
    if (tenths == kFull || at + needed <= step) return at + needed;
    missing -= Nanoseconds(step - at) * speed;
    at = step;
  }
  return at;
}

}  // namespace sluice::broker
