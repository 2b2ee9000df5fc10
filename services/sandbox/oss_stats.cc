// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_stats.h"

namespace sluice::sandbox {

void OssStats::Count(std::string_view operation, std::string_view key, bool refused, bool broken,
                     uint64_t bytes_in) {
  const auto add = [&](ByOperation& to) {
    Counts& counts = to[std::string(operation)];
    ++counts.calls;
    counts.refused += refused;
    counts.broken += broken;
    counts.bytes_in += bytes_in;
  };
  std::lock_guard lock(mutex_);
  add(all_);
  if (by_key_.size() < kMostKeys || by_key_.contains(key)) add(by_key_[std::string(key)]);
}

OssStats::ByOperation OssStats::Read() const {
  std::lock_guard lock(mutex_);
  return all_;
}

OssStats::ByOperation OssStats::ReadKey(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? ByOperation() : found->second;
}

void OssStats::Reset() {
  std::lock_guard lock(mutex_);
  all_.clear();
  by_key_.clear();
}

boost::json::object ToJson(const OssStats::ByOperation& counts) {
  boost::json::object out;
  for (const auto& [operation, of] : counts)
    out[operation] = boost::json::object{
        {"calls", of.calls}, {"refused", of.refused}, {"broken", of.broken}, {"bytes_in", of.bytes_in}};
  return out;
}

}  // namespace sluice::sandbox
