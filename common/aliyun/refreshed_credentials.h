// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/aliyun/credential_chain.h"
#include "common/aliyun/credential_source.h"
#include "common/base/clock.h"
#include "common/base/timers.h"
#include "common/telemetry/log.h"

namespace sluice::aliyun {

// What is known of this program's own key, for metrics and people. Holds no secret.
struct OwnKeyState {
  // The way that counts, such as `ecs`; empty while none is set up.
  std::string source;
  // Where it looked.
  std::string description;
  // Of the key in use; empty without one.
  std::string access_key_id;
  // When that key ends; absent for one that stays.
  std::optional<Time> expiration;
  // The latest fetch, if it failed.
  absl::Status error;
};

// When to fetch again for a key obtained at `now`: after two thirds of its life or ten minutes before its
// end, whichever is earlier; but not within the first quarter, nor within five seconds. Pure.
Time NextFetch(Time now, Time expiration);

// A key that is fetched ahead of its end by a thread of its own. What was obtained last stays until it ends
// when a fetch fails; then the next comes after 1 to 3 s, doubling to at most 22 s. Each other key and each
// failure is a line in the log: `own_key_changed`, `own_key_failed`.
class RefreshedCredentials final : public CredentialSource {
 public:
  // Judges every key before it is used; null takes all.
  using Accept = std::function<absl::Status(const Credentials&)>;

  // Fetches once, for ten seconds at most, then returns. `INVALID_ARGUMENT` is for what must be mended on
  // this machine: `CREDENTIALS_MISSING` when no way is set up, `CREDENTIALS_INVALID`, or what `accept` says
  // of the key. Where somebody else failed it starts without a key and goes on asking. All must outlive it.
  static absl::StatusOr<std::unique_ptr<RefreshedCredentials>> Start(CredentialChain chain, Accept accept,
                                                                     const Clock& clock, Timers& timers,
                                                                     telemetry::Log& log);
  // Ends a fetch that is under way; blocks for a moment.
  ~RefreshedCredentials() override;

  std::shared_ptr<const Credentials> Current() const override;
  // Fetches now, or five seconds after the latest fetch. Of a key that stays too: its file may have changed.
  void Renew() override;
  OwnKeyState State() const;

 private:
  struct Inside;
  explicit RefreshedCredentials(std::shared_ptr<Inside> inside);
  const std::shared_ptr<Inside> inside_;
};

}  // namespace sluice::aliyun
