// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/generation.h"

#include "common/base/status_macros.h"

namespace sluice::broker {
namespace {

// Parts of the whole that `cache.max_bytes` allows: half for tokens, a quarter each for judgements and
// callers.
constexpr uint64_t kPartOfPlans = 4;
constexpr uint64_t kPartOfCallers = 4;

}  // namespace

absl::StatusOr<std::shared_ptr<Generation>> Generation::Make(Settings settings, const Lasting& lasting,
                                                             const Generation* before) {
  ASSIGN_OR_RETURN(auto keys, service::ProviderKeys::Make(settings.identity.jwt, lasting.client, lasting.log,
                                                          before != nullptr ? before->keys_.get() : nullptr));
  return std::shared_ptr<Generation>(new Generation(std::move(settings), lasting, std::move(keys)));
}

Generation::Generation(Settings settings, const Lasting& lasting, std::unique_ptr<service::ProviderKeys> keys)
    : settings_(std::move(settings)),
      keys_(std::move(keys)),
      authenticator_({keys_->providers(), settings_.identity.certificate, settings_.identity.anonymous,
                      settings_.tickets, settings_.identity.gateways},
                     lasting.clock, settings_.cache_bytes / kPartOfCallers,
                     [&metrics = lasting.metrics](bool known) { metrics.JwtVerified(known); }),
      grants_(settings_.grants),
      issuer_(lasting.tokens, lasting.load, lasting.audit, lasting.metrics, lasting.clock,
              settings_.cache_bytes / kPartOfPlans),
      sessions_(grants_, lasting.tokens, lasting.audit, lasting.clock),
      presigner_(grants_, sessions_, lasting.load, lasting.audit, lasting.clock),
      api_({authenticator_, grants_, lasting.denied, issuer_, presigner_, lasting.load, lasting.metrics,
            settings_.tickets, lasting.audit, lasting.clock, settings_.trusted_proxies,
            settings_.gateway_address}) {}

Generation::~Generation() = default;

}  // namespace sluice::broker
