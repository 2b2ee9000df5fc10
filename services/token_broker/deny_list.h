// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "common/identity/caller.h"
#include "sluice/config/v1/token_broker_config.pb.h"

namespace sluice::broker {

// Who and what is switched off. Unchanging, pure.
class DenyList {
 public:
  DenyList() = default;
  // `INVALID_ARGUMENT` `CONFIG_INVALID` for an entry without a subject or a grant without a name.
  static absl::StatusOr<DenyList> Read(const config::v1::DenyList& list);

  // `PERMISSION_DENIED` `SUBJECT_DENIED`, also for whoever asked for the caller's ticket.
  absl::Status CheckCaller(const identity::Caller& caller) const;
  // The same for somebody a ticket is asked for.
  absl::Status CheckSubject(const std::string& provider, const std::string& subject) const;
  // `PERMISSION_DENIED` `GRANT_DENIED`.
  absl::Status CheckGrant(const std::string& grant) const;
  size_t size() const { return subjects_.size() + grants_.size(); }

 private:
  // Provider, empty for every one, and subject.
  std::set<std::pair<std::string, std::string>> subjects_;
  std::set<std::string> grants_;
};

// The list in force now. Thread-safe.
class CurrentDenyList {
 public:
  std::shared_ptr<const DenyList> Get() const {
    std::lock_guard lock(mutex_);
    return list_;
  }
  void Set(DenyList list) {
    auto next = std::make_shared<const DenyList>(std::move(list));
    std::lock_guard lock(mutex_);
    list_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const DenyList> list_ = std::make_shared<const DenyList>();  // guarded by mutex_
};

}  // namespace sluice::broker
