// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/generation.h"

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/http/curl_client.h"

namespace sluice::broker {
namespace {

// Parts of the whole that `cache.max_bytes` allows: half for tokens, a quarter each for judgements and
// callers.
constexpr uint64_t kPartOfPlans = 4;
constexpr uint64_t kPartOfCallers = 4;

std::string Where(const JwtProviderSettings& jwt) {
  const identity::KeyLocation& at = jwt.location;
  std::string out;
  for (const std::string& part : {at.jwks_url, at.issuer, at.jwks_host, at.bearer_token_file, jwt.ca_file})
    out += std::to_string(part.size()) + ":" + part;
  return out;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Generation>> Generation::Make(Settings settings, const Lasting& lasting,
                                                             const Generation* before) {
  std::vector<identity::JwtProvider> providers;
  for (const JwtProviderSettings& jwt : settings.jwt) {
    identity::JwtProvider provider{jwt.name, jwt.rules, nullptr};
    if (!jwt.jwks_file.empty()) {
      auto keys = identity::LoadKeyFile(jwt.jwks_file);
      if (!keys.ok())
        return Fail(keys.status().code(), Reason(keys.status()),
                    "jwks_file " + jwt.jwks_file + ": " + std::string(FromAbsl(keys.status().message())));
      provider.keys = *std::move(keys);
    }
    providers.push_back(std::move(provider));
  }
  // Fetching begins only here, when nothing can fail any more.
  Sources sources;
  for (size_t i = 0; i < providers.size(); ++i) {
    if (providers[i].keys != nullptr) continue;
    const JwtProviderSettings& jwt = settings.jwt[i];
    std::shared_ptr<Fetched>& fetched = sources[Where(jwt)];
    const auto known = before != nullptr ? before->sources_.find(Where(jwt)) : Sources::const_iterator();
    if (fetched == nullptr && before != nullptr && known != before->sources_.end()) fetched = known->second;
    if (fetched == nullptr) {
      fetched = std::make_shared<Fetched>();
      if (!jwt.ca_file.empty()) fetched->client = http::MakeCurlClient({jwt.ca_file});
      http::Client& client = fetched->client != nullptr ? *fetched->client : lasting.client;
      fetched->source = std::make_unique<identity::UrlKeySource>(client, lasting.log, jwt.location);
    }
    providers[i].keys = std::shared_ptr<identity::KeySource>(fetched, fetched->source.get());
  }
  return std::shared_ptr<Generation>(
      new Generation(std::move(settings), lasting, std::move(providers), std::move(sources)));
}

Generation::Generation(Settings settings, const Lasting& lasting,
                       std::vector<identity::JwtProvider> providers, Sources sources)
    : settings_(std::move(settings)),
      sources_(std::move(sources)),
      authenticator_({std::move(providers), settings_.certificate, settings_.anonymous, settings_.tickets},
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

void Generation::OnKeysFetched(absl::AnyInvocable<void()> done) {
  // Runs `done` when the last of those that wait for a fetch is gone.
  std::shared_ptr<void> all(nullptr, [done = std::move(done)](void*) mutable { done(); });
  for (const auto& [where, fetched] : sources_) fetched->source->OnFirstFetch([all] {});
}

void Generation::StopFetching() {
  for (const auto& [where, fetched] : sources_) fetched->source->Stop();
}

bool Generation::HasAllKeys() const {
  for (const auto& [where, fetched] : sources_) {
    if (fetched->source->Current() == nullptr) return false;
  }
  return true;
}

}  // namespace sluice::broker
