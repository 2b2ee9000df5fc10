// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/http/client.h"
#include "common/identity/authenticator.h"
#include "common/telemetry/log.h"
#include "services/token_broker/api.h"
#include "services/token_broker/config.h"

namespace sluice::broker {

// What stays whatever a config says: made once, shared by all generations, which it outlives.
struct Lasting {
  const Clock& clock;
  telemetry::Log& log;
  http::Client& client;
  Audit& audit;
  TokenCache& tokens;
  Load& load;
  BrokerMetrics& metrics;
  const CurrentDenyList& denied;
};

// One config, ready to serve: who may call, what for, and the use cases that say so. Unchanging; a new config
// is a new generation, and calls under way end in the one that they began in. Must not end on a thread of the
// HTTP client, which its fetches of keys wait for.
class Generation {
 public:
  // Keys behind the same URLs as in `before`, which may be null, are taken over rather than fetched again.
  // `JWKS_INVALID` for a file that holds none.
  static absl::StatusOr<std::shared_ptr<Generation>> Make(Settings settings, const Lasting& lasting,
                                                          const Generation* before);
  ~Generation();

  Api& api() { return api_; }
  const Settings& settings() const { return settings_; }
  uint64_t remembered_callers_bytes() const { return authenticator_.remembered_bytes(); }
  uint64_t remembered_plans_bytes() const { return issuer_.remembered_bytes(); }

  // Calls `done` once every JWKS behind a URL was asked for once, well or not.
  void OnKeysFetched(absl::AnyInvocable<void()> done);
  // Before the HTTP client ends. Idempotent; blocks for a moment.
  void StopFetching();
  // False while a provider's keys were never obtained.
  bool HasAllKeys() const;

 private:
  // Keys behind a URL, and the client that they come by where their provider has an authority of its own.
  struct Fetched {
    std::unique_ptr<http::Client> client;
    std::unique_ptr<identity::UrlKeySource> source;
  };
  using Sources = std::map<std::string, std::shared_ptr<Fetched>>;

  Generation(Settings settings, const Lasting& lasting, std::vector<identity::JwtProvider> providers,
             Sources sources);

  const Settings settings_;
  // By everything that says where they are.
  const Sources sources_;
  const identity::Authenticator authenticator_;
  const Grants grants_;
  Issuer issuer_;
  SigningSessions sessions_;
  Presigner presigner_;
  Api api_;
};

}  // namespace sluice::broker
