// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/http/client.h"
#include "common/identity/jwks.h"
#include "common/telemetry/log.h"

namespace sluice::identity {

// Where a provider's keys come from. Thread-safe; never blocks.
class KeySource {
 public:
  virtual ~KeySource() = default;
  // Null until keys were obtained once.
  virtual std::shared_ptr<const Jwks> Current() const = 0;
};

// Read once. Fails as ParseJwks does, or with `JWKS_INVALID` when the file cannot be read.
absl::StatusOr<std::shared_ptr<KeySource>> LoadKeyFile(const std::string& path);

// Keys behind a URL, fetched when made and every `interval`; while there are none, every two seconds. What
// was obtained last stays when a fetch fails, and the failure is logged. No redirects, 5 s, 1 MiB.
class UrlKeySource final : public KeySource {
 public:
  // `client` and `log` must outlive it.
  UrlKeySource(http::Client& client, telemetry::Log& log, std::string url,
               std::chrono::milliseconds interval = std::chrono::minutes(5));
  ~UrlKeySource() override;
  std::shared_ptr<const Jwks> Current() const override;
  // Ends fetching; the client is not used any more. Idempotent; blocks for a moment.
  void Stop();
  // Calls `done` once the first fetch has ended, well or not; at once if it has.
  void OnFirstFetch(absl::AnyInvocable<void()> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::identity
