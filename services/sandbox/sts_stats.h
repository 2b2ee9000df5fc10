// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "boost/json.hpp"
#include "common/base/timers.h"
#include "services/sandbox/sliding_second.h"

namespace sluice::sandbox {

// What STS was asked and what it answered since the start or the last Reset(). Thread-safe.
class StsStats {
 public:
  struct Counts {
    // Calls by action; those that are not of this STS under `other`.
    std::map<std::string, uint64_t> received;
    // Answers by action and code: `OK`, the vendor's code, `reset` or `garbage`. A call that a stall holds
    // has none yet.
    std::map<std::string, std::map<std::string, uint64_t>> answered;
    uint64_t sessions_issued = 0;
    // AssumeRole calls within any one second: those that came, and those that got a session.
    size_t most_received_in_a_second = 0;
    size_t most_accepted_in_a_second = 0;

    // One answer's number; 0 where there was none.
    uint64_t Answered(const std::string& action, const std::string& code) const;
  };

  explicit StsStats(const Timers& timers) : timers_(timers) {}
  void Received(std::string_view action);
  // `at` is when the call was judged, so that a throttle's second and the one counted here are the same.
  void Answered(std::string_view action, std::string_view code, Timers::SteadyTime at);
  Counts Read() const;
  void Reset();

 private:
  const Timers& timers_;
  mutable std::mutex mutex_;
  // All guarded by mutex_.
  Counts counts_;
  SlidingSecond received_;
  SlidingSecond accepted_;
};

boost::json::object ToJson(const StsStats::Counts& counts);

}  // namespace sluice::sandbox
