// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/config_file.h"
#include "common/base/ip_range.h"
#include "common/http/client.h"
#include "common/http/tls_files.h"
#include "common/identity/authenticator.h"
#include "common/identity/key_source.h"
#include "common/telemetry/log.h"
#include "sluice/config/v1/service_config.pb.h"

// What both services are configured with alike: listeners, and who may call. Every reader's error is one of
// `source`, with its place and mend.
namespace sluice::service {

struct Listener {
  std::string host;
  uint16_t port = 0;
  std::optional<http::TlsFiles> tls;
};
// `otherwise` where no address is given.
absl::StatusOr<Listener> ReadListener(const ConfigSource& source, const std::string& field,
                                      const config::v1::ListenerConfig& config, std::string_view otherwise);
// `host:port`, an IPv6 address in brackets.
std::string AddressText(const Listener& listener);

struct JwtProviderSettings {
  std::string name;
  identity::JwtRules rules;
  // Where the keys are; not used when `jwks_file` is set.
  identity::KeyLocation location;
  std::string jwks_file;
  // PEM authorities for fetching keys; empty for the system's.
  std::string ca_file;
};

struct IdentitySettings {
  std::vector<JwtProviderSettings> jwt;
  std::optional<identity::CertificateProvider> certificate;
  // Name of the provider for callers without proof; absent where there is none.
  std::optional<std::string> anonymous;
  std::optional<identity::GatewayRules> gateways;
};
// Refuses to be without a provider. `certificates` says whether a listener asks for them; `development`
// permits http.
absl::StatusOr<IdentitySettings> ReadIdentity(const ConfigSource& source,
                                              const config::v1::IdentityConfig& config, bool development,
                                              bool certificates);

// The keys of all providers, fetched from where they are and kept fresh. Thread-safe. Must not end on a
// thread of the client that fetches.
class ProviderKeys {
 public:
  // Keys behind the same URLs as in `before`, which may be null, are taken over rather than fetched again.
  // `client` and `log` must outlive it. `JWKS_INVALID` for a file that holds none.
  static absl::StatusOr<std::unique_ptr<ProviderKeys>> Make(const std::vector<JwtProviderSettings>& settings,
                                                            http::Client& client, telemetry::Log& log,
                                                            const ProviderKeys* before);

  // In the order of the settings.
  const std::vector<identity::JwtProvider>& providers() const { return providers_; }
  // Calls `done` once every JWKS behind a URL was asked for once, well or not.
  void OnFetched(absl::AnyInvocable<void()> done);
  // Before the client ends. Idempotent; blocks for a moment.
  void Stop();
  // False while a provider's keys were never obtained.
  bool HasAll() const;

 private:
  // Keys behind a URL, and the client that they come by where their provider has an authority of its own.
  struct Fetched {
    std::unique_ptr<http::Client> client;
    std::unique_ptr<identity::UrlKeySource> source;
  };
  // By everything that says where they are.
  std::map<std::string, std::shared_ptr<Fetched>> sources_;
  std::vector<identity::JwtProvider> providers_;
};

// Origins of pages: `*`, or scheme and host, http with `development` only.
absl::StatusOr<std::vector<std::string>> ReadOrigins(const ConfigSource& source, const std::string& field,
                                                     const config::v1::CorsConfig& config, bool development);

// Networks of proxies, `trusted_proxies`.
absl::StatusOr<std::vector<IpRange>> ReadProxies(
    const ConfigSource& source, const google::protobuf::RepeatedPtrField<std::string>& networks);

// A value of a config, or `otherwise` for none. At most `most`.
absl::StatusOr<uint32_t> ReadCount(const ConfigSource& source, const std::string& field, uint32_t given,
                                   uint32_t otherwise, uint32_t most);
absl::StatusOr<std::chrono::milliseconds> ReadSpan(const ConfigSource& source, const std::string& field,
                                                   bool given, const google::protobuf::Duration& span,
                                                   std::chrono::milliseconds otherwise,
                                                   std::chrono::seconds least, std::chrono::seconds most);
// Scheme and host alone; http with `development` only.
absl::Status CheckAddress(const ConfigSource& source, const std::string& field, std::string_view text,
                          bool development);
// Lower-case letters, digits, and what `extra` names.
bool OnlyOf(std::string_view text, std::string_view extra);
// Of a provider or a grant: 1 to 32 of `[a-z0-9-]`.
bool IsName(std::string_view text);
// With or without a port.
bool IsHost(std::string_view text);

}  // namespace sluice::service
