// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "boost/json.hpp"

namespace sluice::sandbox {

// What OSS was asked since the start or the last Reset(). Thread-safe.
class OssStats {
 public:
  // Of one operation: `put`, `initiate`, `part`, `list_parts`, `complete`, `abort`, `head`, `get`, `delete`,
  // `list`, `list_uploads`, `tagging`, `post`, or `other`.
  struct Counts {
    uint64_t calls = 0;
    // Answered with an error of OSS.
    uint64_t refused = 0;
    // Cut off, or given garbage, by an order.
    uint64_t broken = 0;
    uint64_t bytes_in = 0;
  };
  using ByOperation = std::map<std::string, Counts, std::less<>>;

  void Count(std::string_view operation, std::string_view key, bool refused, bool broken, uint64_t bytes_in);
  // Of all keys, or of the one named.
  ByOperation Read() const;
  ByOperation ReadKey(const std::string& key) const;
  void Reset();

 private:
  // Keys beyond this are counted with the rest alone.
  static constexpr size_t kMostKeys = 100'000;
  mutable std::mutex mutex_;
  ByOperation all_;  // guarded by mutex_, as below
  std::map<std::string, ByOperation, std::less<>> by_key_;
};

boost::json::object ToJson(const OssStats::ByOperation& counts);

}  // namespace sluice::sandbox
