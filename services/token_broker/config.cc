// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/config.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <thread>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "services/token_broker/access.h"
#include "services/token_broker/session_policy.h"

namespace sluice::broker {
namespace {

using config::v1::GrantConfig;
using config::v1::ListenerConfig;
using config::v1::ProviderConfig;
using config::v1::TokenBrokerConfig;

constexpr std::string_view kSandboxAccount = "1000000000000001";

bool OnlyOf(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || extra.find(c) != std::string_view::npos;
  });
}
bool IsName(std::string_view text) { return !text.empty() && text.size() <= 32 && OnlyOf(text, "-"); }
bool IsRegion(std::string_view text) { return text.size() >= 4 && text.size() <= 40 && OnlyOf(text, "-"); }
bool IsBucket(std::string_view text) {
  return text.size() >= 3 && text.size() <= 63 && OnlyOf(text, "-") && text.front() != '-' &&
         text.back() != '-';
}

// With or without a port.
bool IsHost(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(".-:[]").find(c) != std::string_view::npos;
  });
}

// Goes through a config and keeps what it has judged. Every step may end with an error that names the field.
class Reader {
 public:
  Reader(const TokenBrokerConfig& config, const ConfigSource& source) : config_(config), source_(source) {}

  absl::StatusOr<Settings> Read() {
    out_.development = config_.development();
    ASSIGN_OR_RETURN(out_.grpc, ReadListener("listen.grpc", config_.listen().grpc(), "0.0.0.0:50051"));
    ASSIGN_OR_RETURN(out_.http, ReadListener("listen.http", config_.listen().http(), "0.0.0.0:8080"));
    ASSIGN_OR_RETURN(out_.admin, ReadListener("listen.admin", config_.listen().admin(), "127.0.0.1:9090"));
    RETURN_IF_ERROR(ReadProviders());
    RETURN_IF_ERROR(ReadSts());
    RETURN_IF_ERROR(ReadCredentials());
    RETURN_IF_ERROR(ReadLoad());
    RETURN_IF_ERROR(ReadGrants());
    RETURN_IF_ERROR(ReadKeys());
    RETURN_IF_ERROR(ReadRest());
    out_.audit_file = config_.audit().file();
    out_.real_status_codes = config_.http().real_status_codes();
    return std::move(out_);
  }

 private:
  absl::Status Error(const std::string& field, std::string_view what) const {
    return source_.Error(field, what);
  }

  absl::StatusOr<Listener> ReadListener(const std::string& field, const ListenerConfig& config,
                                        std::string_view otherwise) const {
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
      return Error(field, "must be host:port with a numeric address, such as 127.0.0.1:8080");
    out.port = static_cast<uint16_t>(port);
    if (config.has_tls()) {
      if (config.tls().cert_file().empty() || config.tls().key_file().empty())
        return Error(field + ".tls", "needs cert_file and key_file");
      out.tls =
          http::TlsFiles{config.tls().cert_file(), config.tls().key_file(), config.tls().client_ca_file()};
    }
    return out;
  }

  // Scheme and host, nothing else.
  absl::Status CheckAddress(const std::string& field, std::string_view text) const {
    const bool https = text.starts_with("https://");
    if (!https && !(out_.development && text.starts_with("http://")))
      return Error(field, out_.development ? "must begin with https:// or http://"
                                           : "must begin with https:// (http only with development: true)");
    const std::string_view host = text.substr(https ? 8 : 7);
    if (!IsHost(host))
      return Error(field, "must be scheme and host alone, such as https://sts.cn-hangzhou.aliyuncs.com");
    return absl::OkStatus();
  }

  absl::Status CheckUrl(const std::string& field, std::string_view text) const {
    const size_t scheme = text.find("://");
    const size_t slash = scheme == std::string_view::npos ? scheme : text.find('/', scheme + 3);
    const bool odd = std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c >= '\x7f'; }) ||
                     text.find('#') != std::string_view::npos;
    if (odd) return Error(field, "holds characters that no URL has");
    return CheckAddress(field, text.substr(0, slash));
  }

  absl::Status ReadProviders() {
    const auto& providers = config_.identity().providers();
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
    const bool asked = (out_.grpc.tls && !out_.grpc.tls->client_ca_file.empty()) ||
                       (out_.http.tls && !out_.http.tls->client_ca_file.empty());
    if (!asked)
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
    settings.location = {jwt.jwks_url(), jwt.issuer(), jwt.jwks_host(), out_.development, jwt.bearer_file()};
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

  absl::Status ReadSts() {
    const auto& sts = config_.sts();
    if (!IsRegion(sts.region())) return Error("sts.region", "must be a region id such as cn-hangzhou");
    out_.sts_region = sts.region();
    out_.sts_endpoints = {sts.endpoints().begin(), sts.endpoints().end()};
    if (out_.sts_endpoints.empty())
      out_.sts_endpoints = {"https://sts." + sts.region() + ".aliyuncs.com",
                            "https://sts-vpc." + sts.region() + ".aliyuncs.com", "https://sts.aliyuncs.com"};
    if (out_.sts_endpoints.size() > 8) return Error("sts.endpoints", "takes at most 8 addresses");
    for (int i = 0; i < sts.endpoints_size(); ++i)
      RETURN_IF_ERROR(CheckAddress("sts.endpoints[" + std::to_string(i) + "]", sts.endpoints(i)));
    ASSIGN_OR_RETURN(out_.sts_timeout,
                     ReadSpan("sts.timeout", sts.has_timeout(), sts.timeout(), out_.sts_timeout,
                              std::chrono::seconds(1), std::chrono::seconds(30)));
    ASSIGN_OR_RETURN(out_.sts_calls_per_second,
                     ReadCount("sts.calls_per_second", sts.calls_per_second(), 100, 10000));
    return absl::OkStatus();
  }

  absl::Status ReadCredentials() {
    const std::set<std::string> known = {"env", "oidc", "profile", "ecs", "uri"};
    const auto& chain = config_.credentials().chain();
    out_.credential_chain = {chain.begin(), chain.end()};
    if (chain.empty()) out_.credential_chain = {"env", "oidc", "profile", "ecs", "uri"};
    for (int i = 0; i < chain.size(); ++i) {
      if (!known.contains(chain[i]))
        return Error("credentials.chain[" + std::to_string(i) + "]", "knows env, oidc, profile, ecs and uri");
    }
    out_.metadata_endpoint = config_.credentials().metadata_endpoint();
    if (out_.metadata_endpoint.empty()) {
      out_.metadata_endpoint = "http://100.100.100.200";
    } else if (!out_.development) {
      return Error("credentials.metadata_endpoint", "is for development: true alone");
    } else {
      RETURN_IF_ERROR(CheckAddress("credentials.metadata_endpoint", out_.metadata_endpoint));
    }
    return absl::OkStatus();
  }

  // What keeps one replica within its means.
  absl::Status ReadLoad() {
    const auto& load = config_.load();
    constexpr uint32_t kMost = 10'000'000;
    ASSIGN_OR_RETURN(out_.load.in_flight, ReadCount("load.in_flight", load.in_flight(), 10000, 1'000'000));
    ASSIGN_OR_RETURN(out_.load.calls_per_second,
                     ReadCount("load.calls_per_second", load.calls_per_second(), 0, kMost));
    ASSIGN_OR_RETURN(out_.load.subject_calls_per_second,
                     ReadCount("load.subject_calls_per_second", load.subject_calls_per_second(), 50, kMost));
    ASSIGN_OR_RETURN(out_.load.grant_calls_per_second,
                     ReadCount("load.grant_calls_per_second", load.grant_calls_per_second(), 0, kMost));
    if (config_.cache().max_bytes() != 0) out_.cache_bytes = config_.cache().max_bytes();
    if (out_.cache_bytes < (uint64_t{1} << 20) || out_.cache_bytes > (uint64_t{64} << 30))
      return Error("cache.max_bytes", "must be 1MiB to 64GiB");
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    ASSIGN_OR_RETURN(const uint32_t queues, ReadCount("listen.grpc_queues", config_.listen().grpc_queues(),
                                                      std::max(1u, std::min(64u, cores / 2)), 64));
    out_.grpc_queues = static_cast<int>(queues);
    const auto& drain = config_.drain();
    constexpr std::chrono::minutes kLongest{5};
    ASSIGN_OR_RETURN(out_.drain_wait, ReadSpan("drain.wait", drain.has_wait(), drain.wait(), out_.drain_wait,
                                               std::chrono::seconds(0), kLongest));
    ASSIGN_OR_RETURN(out_.drain_grace, ReadSpan("drain.grace", drain.has_grace(), drain.grace(),
                                                out_.drain_grace, std::chrono::seconds(0), kLongest));
    return absl::OkStatus();
  }

  absl::StatusOr<uint32_t> ReadCount(const std::string& field, uint32_t given, uint32_t otherwise,
                                     uint32_t most) const {
    if (given > most) return Error(field, "is at most " + std::to_string(most));
    return given == 0 ? otherwise : given;
  }

  absl::StatusOr<std::chrono::milliseconds> ReadSpan(const std::string& field, bool given,
                                                     const google::protobuf::Duration& span,
                                                     std::chrono::milliseconds otherwise,
                                                     std::chrono::seconds least,
                                                     std::chrono::seconds most) const {
    if (!given) return otherwise;
    const std::chrono::seconds out(span.seconds());
    if (out < least || out > most)
      return Error(field,
                   "must be " + std::to_string(least.count()) + "s to " + std::to_string(most.count()) + "s");
    return out;
  }

  absl::Status ReadGrants() {
    if (config_.grants().empty()) return Error("grants", "at least one grant is needed");
    std::set<std::string> names;
    for (int i = 0; i < config_.grants_size(); ++i) {
      const std::string field = "grants[" + std::to_string(i) + "]";
      if (!names.insert(config_.grants(i).name()).second)
        return Error(field + ".name", "is taken by another grant");
      RETURN_IF_ERROR(ReadGrant(field, config_.grants(i)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadGrant(const std::string& field, const GrantConfig& config) {
    auto prefix = PrefixTemplate::Parse(config.prefix().empty() ? "uploads/{subject}/" : config.prefix());
    if (!prefix.ok()) return Error(field + ".prefix", FromAbsl(prefix.status().message()));
    Grant grant{.prefix = *std::move(prefix)};
    grant.name = config.name();
    if (!IsName(grant.name)) return Error(field + ".name", "must be 1 to 32 of a-z, 0-9 and -");
    RETURN_IF_ERROR(ReadWho(field, config, grant));
    grant.role_arn = config.role_arn();
    RETURN_IF_ERROR(CheckRole(field + ".role_arn", grant.role_arn));
    grant.bucket = config.bucket();
    if (!IsBucket(grant.bucket))
      return Error(field + ".bucket", "must be a bucket name: 3 to 63 of a-z, 0-9 and -, no - at the ends");
    grant.region = config.region();
    if (!IsRegion(grant.region)) return Error(field + ".region", "must be a region id such as cn-hangzhou");
    grant.endpoint =
        config.endpoint().empty() ? "https://oss-" + grant.region + ".aliyuncs.com" : config.endpoint();
    RETURN_IF_ERROR(CheckAddress(field + ".endpoint", grant.endpoint));
    if (config.operations().empty()) return Error(field + ".operations", "needs at least one operation");
    for (int operation : config.operations()) grant.operations.insert(static_cast<Operation>(operation));
    RETURN_IF_ERROR(ReadTtl(field + ".ttl", config, grant));
    RETURN_IF_ERROR(ReadBounds(field, config, grant));
    RETURN_IF_ERROR(ReadProcess(field + ".process", config, grant));
    RETURN_IF_ERROR(ReadCallback(field + ".callback", config, grant));
    const auto policy = WorstPolicy(grant);
    if (!policy.ok())
      return Error(field + ".prefix",
                   "for the longest claims: " + std::string(FromAbsl(policy.status().message())));
    out_.grants.push_back(std::move(grant));
    return absl::OkStatus();
  }

  absl::Status ReadWho(const std::string& field, const GrantConfig& config, Grant& grant) const {
    if (config.who().empty() && config.delegates().empty())
      return Error(field + ".who", "needs at least one entry; nobody could ask");
    for (int i = 0; i < config.who_size(); ++i) {
      const std::string here = field + ".who[" + std::to_string(i) + "]";
      const auto& who = config.who(i);
      if (!names_.contains(who.provider())) return Error(here + ".provider", "is none of identity.providers");
      if (who.provider() == out_.anonymous && (grant.prefix.has_claims() || !who.claims().empty()))
        return Error(here,
                     "anonymous callers have no claims: give them a grant of their own, with a prefix "
                     "without {claim}");
      grant.who.push_back({who.provider(), {who.claims().begin(), who.claims().end()}});
    }
    for (int i = 0; i < config.delegates_size(); ++i) {
      const std::string here = field + ".delegates[" + std::to_string(i) + "]";
      const auto& who = config.delegates(i);
      if (!names_.contains(who.provider())) return Error(here + ".provider", "is none of identity.providers");
      if (who.provider() == out_.anonymous) return Error(here, "anonymous callers delegate nothing");
      grant.delegates.push_back({who.provider(), {who.claims().begin(), who.claims().end()}});
    }
    return absl::OkStatus();
  }

  // What bounds a grant besides its scope: conditions, limits, life of tickets.
  absl::Status ReadBounds(const std::string& field, const GrantConfig& config, Grant& grant) const {
    for (int i = 0; i < config.conditions().source_ips_size(); ++i) {
      const auto range = IpRange::Parse(config.conditions().source_ips(i));
      if (!range)
        return Error(
            field + ".conditions.source_ips[" + std::to_string(i) + "]",
            "must be a network such as 203.0.113.0/24 without bits beyond its length, or an address");
      grant.source_ips.push_back(*range);
    }
    grant.tls_only = config.conditions().tls_only();
    const auto& limits = config.limits();
    grant.limits = {limits.max_object_bytes(),
                    {limits.content_types().begin(), limits.content_types().end()},
                    limits.advisory()};
    if (limits.max_object_bytes() > kMostParts * kLargestBody)
      return Error(field + ".limits.max_object_bytes", "is more than the 48.8 TB of OSS itself");
    for (int i = 0; i < limits.content_types_size(); ++i) {
      if (!IsContentType(limits.content_types(i), true))
        return Error(field + ".limits.content_types[" + std::to_string(i) + "]",
                     "must be type/subtype or type/*");
    }
    if (config.has_ticket_ttl_max())
      grant.max_ticket_ttl = std::chrono::seconds(config.ticket_ttl_max().seconds());
    if (grant.max_ticket_ttl < std::chrono::seconds(1) || grant.max_ticket_ttl > std::chrono::hours(24 * 7))
      return Error(field + ".ticket_ttl_max", "must be 1s to 7d");
    return absl::OkStatus();
  }

  absl::Status ReadProcess(const std::string& field, const GrantConfig& config, Grant& grant) const {
    if (!config.process().actions().empty())
      grant.process.actions = {config.process().actions().begin(), config.process().actions().end()};
    for (const std::string& action : grant.process.actions) {
      if (!IsKnownAction(action))
        return Error(field + ".actions", "holds " + action + ", which is no action of image/");
    }
    for (const std::string& style : config.process().styles()) {
      if (style.empty() || style.find('|') != std::string::npos)
        return Error(field + ".styles", "holds what is no style's name");
      grant.process.styles.insert(style);
    }
    return absl::OkStatus();
  }

  absl::Status ReadCallback(const std::string& field, const GrantConfig& config, Grant& grant) const {
    if (!config.has_callback()) return absl::OkStatus();
    const auto& from = config.callback();
    const std::string type =
        from.body_type().empty() ? "application/x-www-form-urlencoded" : from.body_type();
    if (!from.url().starts_with("https://") && !from.url().starts_with("http://"))
      return Error(field + ".url", "must be an http or https address");
    if (from.body().empty()) return Error(field + ".body", "must not be empty");
    if (type != "application/x-www-form-urlencoded" && type != "application/json")
      return Error(field + ".body_type", "must be application/x-www-form-urlencoded or application/json");
    grant.callback = Callback{from.url(), from.body(), type};
    return absl::OkStatus();
  }

  absl::Status ReadKeys() {
    const std::string audience =
        config_.tickets().audience().empty() ? "sluice-broker" : config_.tickets().audience();
    std::vector<identity::TicketKey> keys;
    for (const auto& key : config_.keys().ticket()) keys.push_back({key.id(), SecretString(key.key())});
    out_.ephemeral_keys = keys.empty() && config_.keys().ephemeral_keys();
    if (out_.ephemeral_keys) {
      out_.tickets = identity::TicketRing::Ephemeral(audience);
      return absl::OkStatus();
    }
    if (keys.empty())
      return Error("keys.ticket",
                   "needs a key for tickets; make one with `openssl genpkey -algorithm ed25519`, or, for one "
                   "replica alone, say ephemeral_keys: true");
    auto ring = identity::TicketRing::Make(keys, audience);
    if (!ring.ok()) return Error("keys.ticket", FromAbsl(ring.status().message()));
    out_.tickets = *std::move(ring);
    return absl::OkStatus();
  }

  absl::Status ReadRest() {
    for (int i = 0; i < config_.trusted_proxies_size(); ++i) {
      const auto range = IpRange::Parse(config_.trusted_proxies(i));
      if (!range)
        return Error("trusted_proxies[" + std::to_string(i) + "]",
                     "must be a network such as 10.0.0.0/8 without bits beyond its length, or an address");
      out_.trusted_proxies.push_back(*range);
    }
    out_.public_url = config_.tickets().public_url();
    if (!out_.public_url.empty()) RETURN_IF_ERROR(CheckAddress("tickets.public_url", out_.public_url));
    out_.gateway_address = config_.gateway_address();
    if (!out_.gateway_address.empty() && !IsHost(out_.gateway_address))
      return Error("gateway_address", "must be host:port");
    out_.deny_file = config_.deny().file();
    return absl::OkStatus();
  }

  absl::Status CheckRole(const std::string& field, std::string_view arn) const {
    constexpr std::string_view kStart = "acs:ram::";
    constexpr std::string_view kRole = ":role/";
    const size_t role = arn.find(kRole);
    const bool shaped = arn.starts_with(kStart) && role != std::string_view::npos;
    const std::string_view account = shaped ? arn.substr(kStart.size(), role - kStart.size()) : "";
    const std::string name(shaped ? arn.substr(role + kRole.size()) : "");
    const bool digits = !account.empty() && account.find_first_not_of("0123456789") == std::string_view::npos;
    std::string lower = name;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!digits || name.empty() || name.size() > 64 || !OnlyOf(lower, ".-"))
      return Error(field, "must be acs:ram::<account number>:role/<name>");
    if (account == kSandboxAccount && !out_.development)
      return Error(field, "is in the sandbox's account, which is for development: true alone");
    return absl::OkStatus();
  }

  absl::Status ReadTtl(const std::string& field, const GrantConfig& config, Grant& grant) const {
    constexpr std::chrono::seconds kLeast{900};
    constexpr std::chrono::seconds kMost{43200};
    if (config.ttl().has_max()) grant.max_ttl = std::chrono::seconds(config.ttl().max().seconds());
    if (grant.max_ttl < kLeast || grant.max_ttl > kMost) return Error(field + ".max", "must be 15m to 12h");
    grant.default_ttl =
        config.ttl().has_default_() ? std::chrono::seconds(config.ttl().default_().seconds()) : grant.max_ttl;
    if (grant.default_ttl < kLeast || grant.default_ttl > grant.max_ttl)
      return Error(field + ".default", "must be 15m to ttl.max");
    return absl::OkStatus();
  }

  const TokenBrokerConfig& config_;
  const ConfigSource& source_;
  std::set<std::string> names_;
  Settings out_;
};

}  // namespace

absl::StatusOr<Settings> ReadSettings(const TokenBrokerConfig& config, const ConfigSource& source) {
  return Reader(config, source).Read();
}

absl::StatusOr<std::string> WorstPolicy(const Grant& grant) {
  Scope worst{grant.bucket, grant.prefix.WorstCase(), false, grant.operations, {}, grant.tls_only};
  for (const IpRange& range : grant.source_ips) worst.source_ips.push_back(range.text());
  return CompileSessionPolicy(worst);
}

absl::Status CheckOwnKey(const std::string& access_key_id, bool development) {
  if (development || !access_key_id.starts_with("SANDBOX")) return absl::OkStatus();
  return Fail(
      absl::StatusCode::kInvalidArgument, "CONFIG_INVALID",
      "ALIBABA_CLOUD_ACCESS_KEY_ID is the sandbox's public key, which is for development: true alone");
}

}  // namespace sluice::broker
