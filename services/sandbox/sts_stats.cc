// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_stats.h"

#include <algorithm>

namespace sluice::sandbox {
namespace {

namespace json = boost::json;

json::object Numbers(const std::map<std::string, uint64_t>& numbers) {
  json::object out;
  for (const auto& [name, number] : numbers) out[name] = number;
  return out;
}

}  // namespace

uint64_t StsStats::Counts::Answered(const std::string& action, const std::string& code) const {
  const auto of_action = answered.find(action);
  if (of_action == answered.end()) return 0;
  const auto of_code = of_action->second.find(code);
  return of_code == of_action->second.end() ? 0 : of_code->second;
}

void StsStats::Received(std::string_view action) {
  std::lock_guard lock(mutex_);
  ++counts_.received[std::string(action)];
  if (action != "AssumeRole") return;
  counts_.most_received_in_a_second =
      std::max(counts_.most_received_in_a_second, received_.Add(timers_.Now()));
}

void StsStats::Answered(std::string_view action, std::string_view code, Timers::SteadyTime at) {
  std::lock_guard lock(mutex_);
  ++counts_.answered[std::string(action)][std::string(code)];
  if (code != "OK") return;
  if (action.starts_with("AssumeRole")) ++counts_.sessions_issued;
  if (action != "AssumeRole") return;
  counts_.most_accepted_in_a_second = std::max(counts_.most_accepted_in_a_second, accepted_.Add(at));
}

StsStats::Counts StsStats::Read() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

void StsStats::Reset() {
  std::lock_guard lock(mutex_);
  counts_ = {};
  received_ = {};
  accepted_ = {};
}

json::object ToJson(const StsStats::Counts& counts) {
  json::object answered;
  for (const auto& [action, codes] : counts.answered) answered[action] = Numbers(codes);
  return {{"received", Numbers(counts.received)},
          {"answered", std::move(answered)},
          {"sessions_issued", counts.sessions_issued},
          {"assume_role_most_per_second",
           {{"received", counts.most_received_in_a_second}, {"accepted", counts.most_accepted_in_a_second}}}};
}

}  // namespace sluice::sandbox
