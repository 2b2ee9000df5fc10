// SPDX-License-Identifier: Apache-2.0
#include "common/identity/verified_tokens.h"

namespace sluice::identity {
namespace {

constexpr size_t kMostKept = 8192;

}  // namespace

std::optional<VerifiedTokens::Entry> VerifiedTokens::Find(const std::string& digest, Time now) {
  std::lock_guard lock(mutex_);
  const auto found = nodes_.find(digest);
  if (found == nodes_.end()) return std::nullopt;
  if (now >= found->second->entry.expires) {
    used_.erase(found->second);
    nodes_.erase(found);
    return std::nullopt;
  }
  used_.splice(used_.begin(), used_, found->second);
  return found->second->entry;
}

void VerifiedTokens::Put(const std::string& digest, Entry entry) {
  std::lock_guard lock(mutex_);
  if (const auto found = nodes_.find(digest); found != nodes_.end()) {
    found->second->entry = std::move(entry);
    return;
  }
  used_.push_front({digest, std::move(entry)});
  nodes_[digest] = used_.begin();
  if (used_.size() > kMostKept) {
    nodes_.erase(used_.back().digest);
    used_.pop_back();
  }
}

}  // namespace sluice::identity
