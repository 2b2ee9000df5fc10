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

enum class FaultKind {
  kLatency,
  kClock,
  kReset,
  kStall,
  kThrottle,
  kError,
  kGarbage,
  kV1Off,
  kV2Off,
  // Of OSS alone.
  kBodyReset,
  kLost,
  kCut,
  kWrongCrc,
  kNoPartCrc,
  kCallbackFailed,
  kErrorBody
};
// `latency`, `clock`, `reset`, ...
std::string_view FaultName(FaultKind kind);
std::optional<FaultKind> FindFault(std::string_view name);

// The services that faults may be ordered for: `sts`, `metadata` (of instances), `uri` (the credentials URI),
// `oss`.
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
  // Of the request's body, or of the answer: how many pass.
  uint64_t bytes = 0;
  // The first word of the text is the kind of garbage: bytes, html, truncated, json, empty.
  std::string garbage;
  // Of OSS: only calls of this operation, as the stats name it, and of keys that hold this text; empty for
  // all.
  std::string operation;
  std::string key;
  // Calls until it is spent; of a throttle those that it refuses.
  std::optional<uint64_t> count;
  // How long it lasts.
  std::optional<std::chrono::milliseconds> lasts;
};

// Reads `service=sts`, `kind=latency`, `value=20ms`, `count=3`, `for=10s`, and of OSS `operation=part`,
// `key=big`. `INVALID_ARGUMENT` `FAULT_INVALID`
// says what is wrong and how it is written: a name that is unknown or given twice, a value out of range or
// missing, a kind that this service does not have.
absl::StatusOr<FaultOrder> ParseFaultOrder(
    const std::vector<std::pair<std::string, std::string>>& parameters);

// What becomes of one call.
struct FaultDecision {
  // kLost and those behind it are served, and then spoiled.
  enum class Outcome {
    kServe,
    kReset,
    kStall,
    kThrottle,
    kError,
    kGarbage,
    kLost,
    kCut,
    kCallbackFailed,
    kErrorBody
  };
  Outcome outcome = Outcome::kServe;
  // The answer, whatever it is, comes that much later.
  std::chrono::milliseconds latency{0};
  std::chrono::seconds clock{0};
  // Meaningful for kError.
  int status = 500;
  // Meaningful for kGarbage.
  std::string garbage;
  // Meaningful for kCut.
  uint64_t bytes = 0;
  bool v1_off = false;
  bool v2_off = false;
  bool wrong_crc = false;
  bool no_part_crc = false;
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
  void Apply(std::string_view api, std::string_view key, Timers::SteadyTime now, FaultDecision& decision);
  // Of a kBodyReset: how many bytes of this call's body pass.
  std::optional<uint64_t> BodyBytes(std::string_view api, std::string_view key, Timers::SteadyTime now);

 private:
  bool Concerns(std::string_view api, std::string_view key) const;

  FaultOrder order_;
  std::optional<Timers::SteadyTime> end_;
  uint64_t struck_ = 0;
  // Calls that a throttle let through.
  std::map<std::string, SlidingSecond, std::less<>> passed_;
};

// What an object is called says what happens to it, where the sandbox was told so: `fault-` and a kind, then
// `-` and a value where the kind takes one, up to the next `.` or the end of the last segment:
// `uploads/alice/fault-error-503.jpg`, `.../fault-lost`. Nothing for any other name. Pure.
std::optional<FaultOrder> FaultOfName(std::string_view key);

// The answer of a call that is cut off or gets garbage: no service puts it in its own words.
http::Answer BrokenAnswer(const FaultDecision& decision);

}  // namespace sluice::sandbox
