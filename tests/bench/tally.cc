// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/tally.h"

#include <algorithm>
#include <numeric>

namespace sluice::bench {
namespace {

boost::json::object Counts(const std::map<std::string, uint64_t>& from) {
  boost::json::object out;
  for (const auto& [name, count] : from) out[name] = count;
  return out;
}

}  // namespace

void Times::Add(std::chrono::nanoseconds time) {
  us_.push_back(static_cast<uint32_t>(time / std::chrono::microseconds(1)));
}

void Times::Add(const Times& other) { us_.insert(us_.end(), other.us_.begin(), other.us_.end()); }

boost::json::object Times::Json() {
  boost::json::object out{{"count", us_.size()}};
  if (us_.empty()) return out;
  std::sort(us_.begin(), us_.end());
  const auto at = [&](double share) {
    return us_[std::min(us_.size() - 1, static_cast<size_t>(share * static_cast<double>(us_.size())))];
  };
  out["p50_us"] = at(0.5);
  out["p99_us"] = at(0.99);
  out["p999_us"] = at(0.999);
  out["max_us"] = us_.back();
  return out;
}

Tally::Tenth& Tally::Now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return timeline_[since / std::chrono::milliseconds(100)];
}

void Tally::Served(std::chrono::nanoseconds waited) {
  serving_.Add(waited);
  ++Now().served;
}

void Tally::ToldToWait(const std::string& error) {
  ++waits_[error];
  ++Now().waits;
}

void Tally::Failed(const std::string& error) {
  ++errors_[error];
  ++Now().failed;
}

boost::json::object Tally::Json(bool timeline) {
  const uint64_t failed = std::accumulate(errors_.begin(), errors_.end(), uint64_t{0},
                                          [](uint64_t sum, const auto& one) { return sum + one.second; });
  boost::json::object out{{"served", serving_.size()},  {"failed", failed},
                          {"errors", Counts(errors_)},  {"waits", Counts(waits_)},
                          {"serving", serving_.Json()}, {"answering", answers_.Json()}};
  if (!timeline) return out;
  boost::json::array tenths;
  for (const auto& [when, tenth] : timeline_)
    tenths.push_back(boost::json::array{when, tenth.served, tenth.waits, tenth.failed});
  out["timeline"] = std::move(tenths);
  return out;
}

}  // namespace sluice::bench
