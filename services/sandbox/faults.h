// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/http/server.h"
#include "services/sandbox/sliding_second.h"

// Trouble on order: what may be ordered, and what an order does to one call. Pure: no lock, no clock, no I/O.
namespace sluice::sandbox {

enum class FaultKind { kLatency, kClock, kReset, kStall, kThrottle, kError, kGarbage, kV1Off, kV2Off };
// `latency`, `clock`, `reset`, ...
std::string_view FaultName(FaultKind kind);
std::optional<FaultKind> FindFault(std::string_view name);

// The services that faults may be ordered for: `sts`, `metadata` (of instances), `uri` (the credentials URI).
bool IsFaultService(std::string_view service);

// One order. Of the values only that of its kind counts.
struct FaultOrder {
  std::string service;
  FaultKind kind = FaultKind::kLatency;
  // As it was given, for who lists the orders.
  std::string value;
  std::chrono::milliseconds latency{0};
  // Added to what the service takes for now; may be negative.
  std::chrono::seconds clock{0};
  size_t calls_per_second = 0;
  int status = 500;
  // The first word of the text is the kind of garbage: bytes, html, truncated, json, empty.
  std::string garbage;
  // Calls until it is spent; of a throttle those that it refuses.
  std::optional<uint64_t> count;
  // How long it lasts.
  std::optional<std::chrono::milliseconds> lasts;
};

// Reads `service=sts`, `kind=latency`, `value=20ms`, `count=3`, `for=10s`. `INVALID_ARGUMENT` `FAULT_INVALID`
// says what is wrong and how it is written: a name that is unknown or given twice, a value out of range or
// missing, a kind that this service does not have.
absl::StatusOr<FaultOrder> ParseFaultOrder(
    const std::vector<std::pair<std::string, std::string>>& parameters);

// What becomes of one call.
struct FaultDecision {
  enum class Outcome { kServe, kReset, kStall, kThrottle, kError, kGarbage };
  Outcome outcome = Outcome::kServe;
  // The answer, whatever it is, comes that much later.
  std::chrono::milliseconds latency{0};
  std::chrono::seconds clock{0};
  // Meaningful for kError.
  int status = 500;
  // Meaningful for kGarbage.
  std::string garbage;
  bool v1_off = false;
  bool v2_off = false;
  // When it was judged; of a call that a stall held, when it was let go.
  Timers::SteadyTime at;
};

// An order that is in force, and what it has done.
class ArmedFault {
 public:
  ArmedFault(FaultOrder order, Timers::SteadyTime now);
  const FaultOrder& order() const { return order_; }
  uint64_t struck() const { return struck_; }
  // Absent where it does not end by itself.
  std::optional<Timers::SteadyTime> end() const { return end_; }
  bool Over(Timers::SteadyTime now) const;

  // Adds what the order does to a call of `api`, and counts it when it does anything. A throttle counts each
  // api apart, as the vendor does.
  void Apply(std::string_view api, Timers::SteadyTime now, FaultDecision& decision);

 private:
  FaultOrder order_;
  std::optional<Timers::SteadyTime> end_;
  uint64_t struck_ = 0;
  // Calls that a throttle let through.
  std::map<std::string, SlidingSecond, std::less<>> passed_;
};

// The answer of a call that is cut off or gets garbage: no service puts it in its own words.
http::Answer BrokenAnswer(const FaultDecision& decision);

}  // namespace sluice::sandbox
