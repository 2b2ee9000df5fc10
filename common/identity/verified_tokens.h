// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "common/base/bounded_cache.h"
#include "common/base/clock.h"
#include "common/identity/caller.h"
#include "common/identity/jwks.h"

namespace sluice::identity {

// Callers whose proof was verified before, so that the same one need not be verified again. Named by a
// digest; no proof is kept. An entry counts until the proof expires or the keys that verified it were
// replaced. Thread-safe.
class VerifiedTokens {
 public:
  struct Entry {
    std::shared_ptr<const Caller> caller;
    // When the proof is no longer accepted.
    Time expires;
    // Of a JWT: index of its provider, and that provider's keys when it was verified. Null for other proofs.
    size_t provider = 0;
    std::shared_ptr<const Jwks> keys;
  };
  // Of all entries together.
  explicit VerifiedTokens(uint64_t max_bytes) : entries_(max_bytes) {}

  // Null, and forgotten, once it has expired. Whether the keys are still current is the asker's to judge.
  std::shared_ptr<const Entry> Find(const std::string& digest, Time now);
  // `token_bytes` is the token's length, from which the entry's is guessed.
  void Put(const std::string& digest, Entry entry, size_t token_bytes);
  uint64_t bytes() const { return entries_.cost(); }

 private:
  BoundedCache<const Entry> entries_;
};

}  // namespace sluice::identity
