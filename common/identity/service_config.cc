// SPDX-License-Identifier: Apache-2.0
#include "common/identity/service_config.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/curl_client.h"

namespace sluice::service {
namespace {

using config::v1::ProviderConfig;

std::string Where(const JwtProviderSettings& jwt) {
  const identity::KeyLocation& at = jwt.location;
  std::string out;
  for (const std::string& part : {at.jwks_url, at.issuer, at.jwks_host, at.bearer_token_file, jwt.ca_file})
    out += std::to_string(part.size()) + ":" + part;
  return out;
}

class IdentityReader {
 public:
  IdentityReader(const ConfigSource& source, const config::v1::IdentityConfig& config, bool development,
                 bool certificates)
      : source_(source), config_(config), development_(development), certificates_(certificates) {}

  absl::StatusOr<IdentitySettings> Read() {
    RETURN_IF_ERROR(ReadProviders());
    return std::move(out_);
  }

 private:
  absl::Status Error(const std::string& field, std::string_view what) const {
    return source_.Error(field, what);
  }
  absl::Status CheckUrl(const std::string& field, std::string_view text) const {
    const size_t scheme = text.find("://");
    const size_t slash = scheme == std::string_view::npos ? scheme : text.find('/', scheme + 3);
    const bool odd = std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c >= '\x7f'; }) ||
                     text.find('#') != std::string_view::npos;
    if (odd) return Error(field, "holds characters that no URL has");
    return CheckAddress(source_, field, text.substr(0, slash), development_);
  }

  absl::Status ReadProviders() {
    const auto& providers = config_.providers();
    if (providers.empty())
      return Error("identity.providers",
                   "at least one provider is needed; without one anybody could be anybody");
    std::set<std::string> issuers;
    for (int i = 0; i < providers.size(); ++i) {
      const std::string field = "identity.providers[" + std::to_string(i) + "]";
      const ProviderConfig& provider = providers[i];
      if (!IsName(provider.name())) return Error(field + ".name", "must be 1 to 32 of a-z, 0-9 and -");
      if (!names_.insert(provider.name()).second)
        return Error(field + ".name", "is taken by another provider");
      if (provider.has_anonymous()) {
        if (out_.anonymous) return Error(field, "only one provider may be anonymous");
        out_.anonymous = provider.name();
        continue;
      }
      if (provider.has_certificate()) {
        RETURN_IF_ERROR(ReadCertificate(field, provider));
        continue;
      }
      if (!provider.has_jwt()) return Error(field, "needs jwt, certificate or anonymous");
      RETURN_IF_ERROR(ReadJwt(field + ".jwt", provider));
      if (!issuers.insert(provider.jwt().issuer()).second)
        return Error(field + ".jwt.issuer", "is taken by another provider");
    }
    return absl::OkStatus();
  }

  absl::Status ReadCertificate(const std::string& field, const ProviderConfig& provider) {
    if (out_.certificate) return Error(field, "only one provider may be of certificates");
    if (!certificates_)
      return Error(field + ".certificate",
                   "needs a listener with tls.client_ca_file, or no certificate would come");
    const bool dns = provider.certificate().subject() == config::v1::CERTIFICATE_SUBJECT_DNS;
    using Kind = identity::CertificateProvider::Kind;
    out_.certificate = identity::CertificateProvider{provider.name(), dns ? Kind::kDns : Kind::kUri};
    return absl::OkStatus();
  }

  absl::Status ReadJwt(const std::string& field, const ProviderConfig& provider) {
    const auto& jwt = provider.jwt();
    JwtProviderSettings settings;
    settings.name = provider.name();
    settings.rules.issuer = jwt.issuer();
    RETURN_IF_ERROR(CheckUrl(field + ".issuer", jwt.issuer()));
    if (jwt.audience().empty()) return Error(field + ".audience", "needs at least one audience");
    for (const std::string& audience : jwt.audience()) {
      if (audience.empty()) return Error(field + ".audience", "holds an empty audience");
      settings.rules.audiences.push_back(audience);
    }
    if (!jwt.jwks_url().empty() && !jwt.jwks_file().empty())
      return Error(field, "takes one of jwks_url and jwks_file, or neither for discovery at the issuer");
    if (!jwt.jwks_url().empty()) RETURN_IF_ERROR(CheckUrl(field + ".jwks_url", jwt.jwks_url()));
    if (!jwt.jwks_host().empty() && !IsHost(jwt.jwks_host()))
      return Error(field + ".jwks_host", "must be a host alone, such as keys.example.com");
    settings.location = {jwt.jwks_url(), jwt.issuer(), jwt.jwks_host(), development_, jwt.bearer_file()};
    settings.jwks_file = jwt.jwks_file();
    settings.ca_file = jwt.ca_file();
    for (const auto& [name, file] :
         {std::pair("ca_file", jwt.ca_file()), std::pair("bearer_file", jwt.bearer_file())}) {
      if (!file.empty() && ReadFile(file).value_or("").empty())
        return Error(field + "." + name, "the file " + file + " cannot be read or is empty");
    }
    if (jwt.has_clock_skew()) settings.rules.skew = std::chrono::seconds(jwt.clock_skew().seconds());
    if (settings.rules.skew > std::chrono::seconds(60)) return Error(field + ".clock_skew", "is at most 60s");
    out_.jwt.push_back(std::move(settings));
    return absl::OkStatus();
  }

  const ConfigSource& source_;
  const config::v1::IdentityConfig& config_;
  const bool development_;
  const bool certificates_;
  std::set<std::string> names_;
  IdentitySettings out_;
};

}  // namespace

bool OnlyOf(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || extra.find(c) != std::string_view::npos;
  });
}

bool IsName(std::string_view text) { return !text.empty() && text.size() <= 32 && OnlyOf(text, "-"); }

bool IsHost(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".-:[]").find(c) != std::string_view::npos;
  });
}

absl::StatusOr<Listener> ReadListener(const ConfigSource& source, const std::string& field,
                                      const config::v1::ListenerConfig& config, std::string_view otherwise) {
  const std::string text = config.address().empty() ? std::string(otherwise) : config.address();
  const size_t colon = text.rfind(':');
  Listener out;
  unsigned port = 65536;
  if (colon != std::string::npos) {
    const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size()) port = 65536;
    out.host = text.substr(0, colon);
    if (out.host.starts_with('[') && out.host.ends_with(']'))
      out.host = out.host.substr(1, out.host.size() - 2);
  }
  if (port > 65535 || out.host.empty())
    return source.Error(field, "must be host:port with a numeric address, such as 127.0.0.1:8080");
  out.port = static_cast<uint16_t>(port);
  if (config.has_tls()) {
    if (config.tls().cert_file().empty() || config.tls().key_file().empty())
      return source.Error(field + ".tls", "needs cert_file and key_file");
    out.tls =
        http::TlsFiles{config.tls().cert_file(), config.tls().key_file(), config.tls().client_ca_file()};
  }
  return out;
}

std::string AddressText(const Listener& listener) {
  const bool v6 = listener.host.find(':') != std::string::npos;
  return (v6 ? "[" + listener.host + "]" : listener.host) + ":" + std::to_string(listener.port);
}

absl::Status CheckAddress(const ConfigSource& source, const std::string& field, std::string_view text,
                          bool development) {
  const bool https = text.starts_with("https://");
  if (!https && !(development && text.starts_with("http://")))
    return source.Error(field, development ? "must begin with https:// or http://"
                                           : "must begin with https:// (http only with development: true)");
  const std::string_view host = text.substr(https ? 8 : 7);
  if (!IsHost(host))
    return source.Error(field, "must be scheme and host alone, such as https://sts.cn-hangzhou.aliyuncs.com");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ReadOrigins(const ConfigSource& source, const std::string& field,
                                                     const config::v1::CorsConfig& config, bool development) {
  for (int i = 0; i < config.allowed_origins_size(); ++i) {
    if (config.allowed_origins(i) == "*") continue;
    RETURN_IF_ERROR(CheckAddress(source, field + ".allowed_origins[" + std::to_string(i) + "]",
                                 config.allowed_origins(i), development));
  }
  return std::vector<std::string>(config.allowed_origins().begin(), config.allowed_origins().end());
}

absl::StatusOr<std::vector<IpRange>> ReadProxies(
    const ConfigSource& source, const google::protobuf::RepeatedPtrField<std::string>& networks) {
  std::vector<IpRange> out;
  for (int i = 0; i < networks.size(); ++i) {
    const auto range = IpRange::Parse(networks[i]);
    if (!range)
      return source.Error(
          "trusted_proxies[" + std::to_string(i) + "]",
          "must be a network such as 10.0.0.0/8 without bits beyond its length, or an address");
    out.push_back(*range);
  }
  return out;
}

absl::StatusOr<uint32_t> ReadCount(const ConfigSource& source, const std::string& field, uint32_t given,
                                   uint32_t otherwise, uint32_t most) {
  if (given > most) return source.Error(field, "is at most " + std::to_string(most));
  return given == 0 ? otherwise : given;
}

absl::StatusOr<std::chrono::milliseconds> ReadSpan(const ConfigSource& source, const std::string& field,
                                                   bool given, const google::protobuf::Duration& span,
                                                   std::chrono::milliseconds otherwise,
                                                   std::chrono::seconds least, std::chrono::seconds most) {
  if (!given) return otherwise;
  const std::chrono::seconds out(span.seconds());
  if (out < least || out > most)
    return source.Error(
        field, "must be " + std::to_string(least.count()) + "s to " + std::to_string(most.count()) + "s");
  return out;
}

absl::StatusOr<IdentitySettings> ReadIdentity(const ConfigSource& source,
                                              const config::v1::IdentityConfig& config, bool development,
                                              bool certificates) {
  return IdentityReader(source, config, development, certificates).Read();
}

absl::StatusOr<std::unique_ptr<ProviderKeys>> ProviderKeys::Make(
    const std::vector<JwtProviderSettings>& settings, http::Client& client, telemetry::Log& log,
    const ProviderKeys* before) {
  auto out = std::make_unique<ProviderKeys>();
  for (const JwtProviderSettings& jwt : settings) {
    identity::JwtProvider provider{jwt.name, jwt.rules, nullptr};
    if (!jwt.jwks_file.empty()) {
      auto keys = identity::LoadKeyFile(jwt.jwks_file);
      if (!keys.ok())
        return Fail(keys.status().code(), Reason(keys.status()),
                    "jwks_file " + jwt.jwks_file + ": " + std::string(FromAbsl(keys.status().message())));
      provider.keys = *std::move(keys);
    }
    out->providers_.push_back(std::move(provider));
  }
  // Fetching begins only here, when nothing can fail any more.
  for (size_t i = 0; i < out->providers_.size(); ++i) {
    if (out->providers_[i].keys != nullptr) continue;
    const JwtProviderSettings& jwt = settings[i];
    std::shared_ptr<Fetched>& fetched = out->sources_[Where(jwt)];
    if (fetched == nullptr && before != nullptr) {
      const auto known = before->sources_.find(Where(jwt));
      if (known != before->sources_.end()) fetched = known->second;
    }
    if (fetched == nullptr) {
      fetched = std::make_shared<Fetched>();
      if (!jwt.ca_file.empty()) fetched->client = http::MakeCurlClient({jwt.ca_file});
      http::Client& by = fetched->client != nullptr ? *fetched->client : client;
      fetched->source = std::make_unique<identity::UrlKeySource>(by, log, jwt.location);
    }
    out->providers_[i].keys = std::shared_ptr<identity::KeySource>(fetched, fetched->source.get());
  }
  return out;
}

void ProviderKeys::OnFetched(absl::AnyInvocable<void()> done) {
  // Runs `done` when the last of those that wait for a fetch is gone.
  std::shared_ptr<void> all(nullptr, [done = std::move(done)](void*) mutable { done(); });
  for (const auto& [where, fetched] : sources_) fetched->source->OnFirstFetch([all] {});
}

void ProviderKeys::Stop() {
  for (const auto& [where, fetched] : sources_) fetched->source->Stop();
}

bool ProviderKeys::HasAll() const {
  for (const auto& [where, fetched] : sources_) {
    if (fetched->source->Current() == nullptr) return false;
  }
  return true;
}

}  // namespace sluice::service
