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

  // Stopped before the HTTP client ends.
  service::ProviderKeys& keys() const { return *keys_; }

 private:
  Generation(Settings settings, const Lasting& lasting, std::unique_ptr<service::ProviderKeys> keys);

  const Settings settings_;
  const std::unique_ptr<service::ProviderKeys> keys_;
  const identity::Authenticator authenticator_;
  const Grants grants_;
  Issuer issuer_;
  SigningSessions sessions_;
  Presigner presigner_;
  Api api_;
};

}  // namespace sluice::broker
