// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/identity/caller.h"
#include "common/identity/jwks.h"

namespace sluice::identity {

// Callers whose JWT was verified before, so that the same token need not be verified again. Named by a
// digest; no token is kept. An entry counts until the token expires or the keys that verified it were
// replaced. Holds the 8,192 used last. Thread-safe.
class VerifiedTokens {
 public:
  struct Entry {
    std::shared_ptr<const Caller> caller;
    // When the token is no longer accepted.
    Time expires;
    // Index of its provider, and that provider's keys when the token was verified.
    size_t provider = 0;
    std::shared_ptr<const Jwks> keys;
  };
  // Absent, and forgotten, once it has expired. Whether the keys are still current is the asker's to judge.
  std::optional<Entry> Find(const std::string& digest, Time now);
  void Put(const std::string& digest, Entry entry);

 private:
  struct Node {
    std::string digest;
    Entry entry;
  };
  std::mutex mutex_;
  std::list<Node> used_;                                              // guarded by mutex_; latest first
  std::unordered_map<std::string, std::list<Node>::iterator> nodes_;  // guarded by mutex_
};

}  // namespace sluice::identity
