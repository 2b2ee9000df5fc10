// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "boost/json.hpp"

namespace sluice::bench {

// Times of one kind in microseconds, all kept, so that no percentile is a guess.
class Times {
 public:
  void Add(std::chrono::nanoseconds time);
  void Add(const Times& other);
  size_t size() const { return us_.size(); }
  // `{count, p50_us, p99_us, p999_us, max_us}`; sorts.
  boost::json::object Json();

 private:
  std::vector<uint32_t> us_;
};

// What became of a lane's callers.
class Tally {
 public:
  // A caller has what it wants, `waited` after it first asked.
  void Served(std::chrono::nanoseconds waited);
  // One request was told to come back, and has RetryInfo.
  void ToldToWait(const std::string& error);
  // A caller went away with an error.
  void Failed(const std::string& error);
  // One request and its answer, of whatever kind.
  void Answered(std::chrono::nanoseconds took) { answers_.Add(took); }

  // `{served, failed, errors{}, waits{}, serving{}, answering{}, timeline[]}`; in the timeline
  // `[tenths of a second since 1970, served, told to wait, failed]`.
  boost::json::object Json(bool timeline);

 private:
  struct Tenth {
    uint32_t served = 0;
    uint32_t waits = 0;
    uint32_t failed = 0;
  };
  Tenth& Now();

  Times serving_;
  Times answers_;
  std::map<std::string, uint64_t> errors_;
  std::map<std::string, uint64_t> waits_;
  std::map<int64_t, Tenth> timeline_;
};

}  // namespace sluice::bench
