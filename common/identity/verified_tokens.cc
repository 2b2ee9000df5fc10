// SPDX-License-Identifier: Apache-2.0
#include "common/identity/verified_tokens.h"

namespace sluice::identity {

std::shared_ptr<const VerifiedTokens::Entry> VerifiedTokens::Find(const std::string& digest, Time now) {
  auto found = entries_.Find(digest);
  if (found == nullptr || now < found->expires) return found;
  entries_.Erase(digest);
  return nullptr;
}

void VerifiedTokens::Put(const std::string& digest, Entry entry, size_t token_bytes) {
  // Claims as parsed take about three times their text; the rest is the entry and its place.
  const size_t cost = 512 + 3 * token_bytes;
  entries_.Put(digest, std::make_shared<const Entry>(std::move(entry)), cost);
}

}  // namespace sluice::identity
