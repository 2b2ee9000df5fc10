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
  // For a token whose key is not among the current ones: calls `done` exactly once, after keys were fetched
  // again, on a thread that must not be blocked; at once, on this thread, when no fetch is due.
  virtual void Refresh(absl::AnyInvocable<void()> done) = 0;
};

// Read once. Fails as ParseJwks does, or with `JWKS_INVALID` when the file cannot be read.
absl::StatusOr<std::shared_ptr<KeySource>> LoadKeyFile(const std::string& path);

// Where the JWKS is found.
struct KeyLocation {
  // Its address; empty to discover it at `<issuer>/.well-known/openid-configuration`.
  std::string jwks_url;
  std::string issuer;
  // Host that a discovered `jwks_uri` may name besides the issuer's own; empty for none.
  std::string jwks_host;
  // Whether a discovered address may be plain http.
  bool allow_http = false;
  // File with a bearer token to send, read at each fetch (Kubernetes rotates it); empty for none.
  std::string bearer_token_file;
};

struct KeyTimes {
  // Between fetches.
  std::chrono::milliseconds interval = std::chrono::minutes(5);
  // At least this long after a fetch before a Refresh causes another.
  std::chrono::milliseconds refresh_gap = std::chrono::seconds(10);
};

// The `jwks_uri` of a discovery document: its `issuer` must be the one expected, the address https (or http
// where allowed) on the issuer's host or the one named. Error `JWKS_INVALID`. Pure.
absl::StatusOr<std::string> ReadDiscovery(std::string_view document, const KeyLocation& location);

// Keys behind a URL, fetched when made and every `interval`; while there are none, every two seconds. What
// was obtained last stays when a fetch fails, and the failure is logged. No redirects, 5 s and 1 MiB each.
class UrlKeySource final : public KeySource {
 public:
  // `client` and `log` must outlive it.
  UrlKeySource(http::Client& client, telemetry::Log& log, KeyLocation location, KeyTimes times = {});
  ~UrlKeySource() override;
  std::shared_ptr<const Jwks> Current() const override;
  // At most 1,024 may wait for one fetch; others are called at once.
  void Refresh(absl::AnyInvocable<void()> done) override;
  // Ends fetching; the client is not used any more, and those who wait are called. Idempotent; blocks for a
  // moment.
  void Stop();
  // Calls `done` once the first fetch has ended, well or not; at once if it has.
  void OnFirstFetch(absl::AnyInvocable<void()> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::identity
