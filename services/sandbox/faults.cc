// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/faults.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "common/base/status.h"
#include "common/base/units.h"

namespace sluice::sandbox {
namespace {

using Outcome = FaultDecision::Outcome;

struct Kind {
  FaultKind kind;
  std::string_view name;
};
constexpr std::array<Kind, 16> kKinds = {{{FaultKind::kLatency, "latency"},
                                          {FaultKind::kClock, "clock"},
                                          {FaultKind::kReset, "reset"},
                                          {FaultKind::kStall, "stall"},
                                          {FaultKind::kThrottle, "throttle"},
                                          {FaultKind::kError, "error"},
                                          {FaultKind::kGarbage, "garbage"},
                                          {FaultKind::kV1Off, "v1-off"},
                                          {FaultKind::kV2Off, "v2-off"},
                                          {FaultKind::kBodyReset, "body-reset"},
                                          {FaultKind::kLost, "lost"},
                                          {FaultKind::kCut, "cut"},
                                          {FaultKind::kWrongCrc, "wrong-crc"},
                                          {FaultKind::kNoPartCrc, "no-part-crc"},
                                          {FaultKind::kCallbackFailed, "callback-failed"},
                                          {FaultKind::kErrorBody, "error-body"}}};
constexpr std::array<std::string_view, 4> kServices = {"sts", "metadata", "uri", "oss"};
constexpr std::array<std::string_view, 13> kOperations = {
    "put", "initiate", "part", "list_parts",   "complete", "abort", "head",
    "get", "delete",   "list", "list_uploads", "tagging",  "post"};

bool IsOfOss(FaultKind kind) { return kind >= FaultKind::kBodyReset; }

struct Garbage {
  std::string_view name;
  std::string_view type;
  std::string_view body;
};
constexpr std::array<Garbage, 5> kGarbage = {
    {{"bytes", "application/json", std::string_view("\x1f\x8b\x00\xff\xfe{]\x80\x00 not JSON\n", 18)},
     {"html", "text/html",
      "<html><head><title>302 Found</title></head><body><h1>Log in to the network</h1></body></html>\n"},
     {"truncated", "application/json", R"({"RequestId":"0","Credentials":{"AccessKeyId":"STS.CUT)"},
     {"json", "application/json", R"({"RequestId":"0","Credentials":{"AccessKeyId":7}})"},
     {"empty", "application/json", ""}}};

const Garbage* FindGarbage(std::string_view name) {
  const auto found = std::find_if(kGarbage.begin(), kGarbage.end(),
                                  [&](const Garbage& garbage) { return garbage.name == name; });
  return found == kGarbage.end() ? nullptr : found;
}

Failure Invalid(std::string_view what) {
  return Fail(absl::StatusCode::kInvalidArgument, "FAULT_INVALID", what);
}

std::optional<uint64_t> ReadNumber(std::string_view text, uint64_t most) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > most) return std::nullopt;
  return number;
}

// `20ms`, or what ParseDuration takes; at most a day.
std::optional<std::chrono::milliseconds> ReadSpan(std::string_view text) {
  constexpr std::chrono::hours kLongest(24);
  std::optional<std::chrono::milliseconds> span;
  if (text.ends_with("ms")) {
    if (const auto number = ReadNumber(text.substr(0, text.size() - 2), 86'400'000))
      span = std::chrono::milliseconds(*number);
  } else {
    span = ParseDuration(text);
  }
  return span && *span <= kLongest ? span : std::nullopt;
}

absl::Status ReadValue(FaultOrder& order) {
  const std::string_view value = order.value;
  switch (order.kind) {
    case FaultKind::kLatency: {
      const auto span = ReadSpan(value);
      if (!span) return Invalid("the value of latency is a duration such as 20ms or 3s, at most 24h");
      order.latency = *span;
      break;
    }
    case FaultKind::kClock: {
      const bool back = value.starts_with('-');
      const auto span = ParseDuration(value.substr(back ? 1 : 0));
      if (!span || *span > std::chrono::hours(24 * 366))
        return Invalid("the value of clock is an offset such as -20m or 20m, at most a year");
      order.clock = back ? -*span : *span;
      break;
    }
    case FaultKind::kThrottle: {
      const auto rate = ReadNumber(value, 1'000'000);
      if (!rate)
        return Invalid("the value of throttle is the calls per second that pass, 0 to 1000000, such as 100");
      order.calls_per_second = *rate;
      break;
    }
    case FaultKind::kError: {
      const auto status = ReadNumber(value, 599);
      if (!status || *status < 500)
        return Invalid("the value of error is an HTTP status from 500 to 599, such as 503");
      order.status = static_cast<int>(*status);
      break;
    }
    case FaultKind::kGarbage:
      order.garbage = value.empty() ? "bytes" : std::string(value);
      if (FindGarbage(order.garbage) == nullptr)
        return Invalid("the value of garbage is bytes, html, truncated, json or empty; bytes when missing");
      break;
    case FaultKind::kBodyReset:
    case FaultKind::kCut: {
      const auto bytes = ReadNumber(value, uint64_t{1} << 40);
      if (!bytes) return Invalid("the value of body-reset and cut is how many bytes pass, such as 1000");
      order.bytes = *bytes;
      break;
    }
    case FaultKind::kReset:
    case FaultKind::kStall:
    case FaultKind::kV1Off:
    case FaultKind::kV2Off:
    case FaultKind::kLost:
    case FaultKind::kWrongCrc:
    case FaultKind::kNoPartCrc:
    case FaultKind::kCallbackFailed:
    case FaultKind::kErrorBody:
      if (!value.empty())
        return Invalid(
            "only latency, clock, throttle, error, garbage, body-reset and cut take a value; the others take "
            "no value");
      break;
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view FaultName(FaultKind kind) {
  return std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& known) { return known.kind == kind; })
      ->name;
}

std::optional<FaultKind> FindFault(std::string_view name) {
  const auto found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& known) { return known.name == name; });
  return found == kKinds.end() ? std::nullopt : std::optional(found->kind);
}

bool IsFaultService(std::string_view service) {
  return std::find(kServices.begin(), kServices.end(), service) != kServices.end();
}

absl::StatusOr<FaultOrder> ParseFaultOrder(
    const std::vector<std::pair<std::string, std::string>>& parameters) {
  FaultOrder order;
  std::string kind;
  std::set<std::string> seen;
  for (const auto& [name, value] : parameters) {
    if (!seen.insert(name).second) return Invalid("a parameter is given twice");
    if (name == "service") {
      order.service = value;
    } else if (name == "kind") {
      kind = value;
    } else if (name == "value") {
      order.value = value;
    } else if (name == "count") {
      order.count = ReadNumber(value, 1'000'000'000);
      if (order.count.value_or(0) == 0) return Invalid("count is a number of calls from 1 to 1000000000");
    } else if (name == "for") {
      order.lasts = ReadSpan(value);
      if (order.lasts.value_or(std::chrono::milliseconds(0)).count() == 0)
        return Invalid("for is a duration such as 500ms or 10s, at most 24h");
    } else if (name == "operation") {
      order.operation = value;
      if (std::find(kOperations.begin(), kOperations.end(), value) == kOperations.end())
        return Invalid(
            "operation is put, initiate, part, list_parts, complete, abort, head, get, delete, list, "
            "list_uploads, tagging or post");
    } else if (name == "key") {
      order.key = value;
    } else {
      return Invalid("the parameters are service, kind, value, count, for, and of oss operation and key");
    }
  }
  if (!IsFaultService(order.service)) return Invalid("service is sts, metadata, uri or oss");
  const auto known = FindFault(kind);
  if (!known) {
    return Invalid(
        "kind is latency, clock, reset, stall, throttle, error, garbage, v1-off or v2-off, and of oss "
        "body-reset, "
        "lost, cut, wrong-crc, no-part-crc, callback-failed or error-body");
  }
  order.kind = *known;
  const bool of_oss = IsOfOss(order.kind) || !order.operation.empty() || !order.key.empty();
  if (of_oss && order.service != "oss")
    return Invalid(
        "body-reset, lost, cut, wrong-crc, no-part-crc, callback-failed, error-body, operation and key are "
        "for service=oss");
  if ((order.kind == FaultKind::kV1Off || order.kind == FaultKind::kV2Off) && order.service != "metadata")
    return Invalid("v1-off and v2-off are for service=metadata");
  if (absl::Status status = ReadValue(order); !status.ok()) return status;
  return order;
}

ArmedFault::ArmedFault(FaultOrder order, Timers::SteadyTime now) : order_(std::move(order)) {
  if (order_.lasts) end_ = now + *order_.lasts;
}

bool ArmedFault::Over(Timers::SteadyTime now) const {
  return (end_ && *end_ <= now) || (order_.count && struck_ >= *order_.count);
}

bool ArmedFault::Concerns(std::string_view api, std::string_view key) const {
  return (order_.operation.empty() || order_.operation == api) &&
         key.find(order_.key) != std::string_view::npos;
}

std::optional<uint64_t> ArmedFault::BodyBytes(std::string_view api, std::string_view key,
                                              Timers::SteadyTime now) {
  if (order_.kind != FaultKind::kBodyReset || Over(now) || !Concerns(api, key)) return std::nullopt;
  ++struck_;
  return order_.bytes;
}

void ArmedFault::Apply(std::string_view api, std::string_view key, Timers::SteadyTime now,
                       FaultDecision& decision) {
  if (Over(now) || !Concerns(api, key)) return;
  switch (order_.kind) {
    case FaultKind::kLatency:
      decision.latency = order_.latency;
      break;
    case FaultKind::kClock:
      decision.clock = order_.clock;
      break;
    case FaultKind::kV1Off:
      decision.v1_off = true;
      break;
    case FaultKind::kV2Off:
      decision.v2_off = true;
      break;
    case FaultKind::kWrongCrc:
      decision.wrong_crc = true;
      break;
    case FaultKind::kNoPartCrc:
      decision.no_part_crc = true;
      break;
    case FaultKind::kBodyReset:
      return;  // judged while the body comes
    case FaultKind::kLost:
    case FaultKind::kCut:
    case FaultKind::kCallbackFailed:
    case FaultKind::kErrorBody:
    case FaultKind::kReset:
    case FaultKind::kStall:
    case FaultKind::kThrottle:
    case FaultKind::kError:
    case FaultKind::kGarbage: {
      // A call ends one way only; the fault that comes later is kept for another call.
      if (decision.outcome != Outcome::kServe) return;
      if (order_.kind == FaultKind::kThrottle) {
        SlidingSecond& passed = passed_[std::string(api)];
        if (passed.Count(now) < order_.calls_per_second) {
          passed.Add(now);
          return;
        }
      }
      decision.outcome = order_.kind == FaultKind::kReset            ? Outcome::kReset
                         : order_.kind == FaultKind::kStall          ? Outcome::kStall
                         : order_.kind == FaultKind::kThrottle       ? Outcome::kThrottle
                         : order_.kind == FaultKind::kError          ? Outcome::kError
                         : order_.kind == FaultKind::kLost           ? Outcome::kLost
                         : order_.kind == FaultKind::kCut            ? Outcome::kCut
                         : order_.kind == FaultKind::kCallbackFailed ? Outcome::kCallbackFailed
                         : order_.kind == FaultKind::kErrorBody      ? Outcome::kErrorBody
                                                                     : Outcome::kGarbage;
      decision.status = order_.status;
      decision.bytes = order_.bytes;
      decision.garbage = order_.garbage;
      break;
    }
  }
  ++struck_;
}

std::optional<FaultOrder> FaultOfName(std::string_view key) {
  const std::string_view name = key.substr(key.rfind('/') + 1);
  const size_t at = name.find("fault-");
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view text = name.substr(at + 6, name.find('.', at) - (at + 6));
  // The longest kind that fits, since some begin alike.
  std::optional<FaultOrder> out;
  for (const Kind& one : kKinds) {
    const bool alone = text == one.name;
    if (!alone &&
        !(text.starts_with(one.name) && text.size() > one.name.size() && text[one.name.size()] == '-'))
      continue;
    std::vector<std::pair<std::string, std::string>> parameters{{"service", "oss"},
                                                                {"kind", std::string(one.name)}};
    if (!alone) parameters.emplace_back("value", text.substr(one.name.size() + 1));
    if (auto order = ParseFaultOrder(parameters); order.ok()) out = *std::move(order);
  }
  return out;
}

http::Answer BrokenAnswer(const FaultDecision& decision) {
  http::Answer answer;
  const Garbage* garbage = FindGarbage(decision.garbage);
  if (decision.outcome != Outcome::kGarbage || garbage == nullptr) {
    answer.reset = true;
    return answer;
  }
  answer.headers = {{"Content-Type", std::string(garbage->type)}};
  answer.body = std::string(garbage->body);
  return answer;
}

}  // namespace sluice::sandbox
