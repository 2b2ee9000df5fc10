// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "services/token_broker/audit.h"
#include "services/token_broker/grants.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// One token of STS per grant, with which URLs and forms for all its callers are signed, so that they cost no
// AssumeRole each. It never leaves the broker. Its policy reaches the literal start of the grant's prefix;
// what one caller gets is bound by the signature. Thread-safe; never blocks.
class SigningSessions {
 public:
  using Session = std::shared_ptr<const aliyun::Credentials>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<Session>)>;

  // All must outlive it and the calls under way. `sts_timeout` bounds one AssumeRole.
  SigningSessions(const Grants& grants, Sts& sts, Audit& audit, const Clock& clock,
                  std::chrono::milliseconds sts_timeout);

  // Calls `done` exactly once with a session of `grant`, which is one of the grants given, whose life left is
  // at least `life`, or half of the grant's longest. At once when there is one; it is renewed behind the
  // callers' back once half its life is over. Callers who must wait for one AssumeRole share it, and none of
  // them can cancel it. When it fails, a session with a minute left still serves. Errors are those of Sts and
  // `AUDIT_UNAVAILABLE`.
  void Get(const Grant& grant, std::chrono::seconds life, Done done);

 private:
  struct Entry {
    const Grant* grant = nullptr;
    Session session;
    std::vector<Done> waiting;
    bool minting = false;
  };
  void Mint(Entry& entry);
  void Take(Entry& entry, AuditRecord record, absl::StatusOr<aliyun::Credentials> minted);

  Sts& sts_;
  Audit& audit_;
  const Clock& clock_;
  const std::chrono::milliseconds sts_timeout_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // the map stands still; each entry is guarded by mutex_
};

}  // namespace sluice::broker
