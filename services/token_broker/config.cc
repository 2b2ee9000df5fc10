// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/config.h"

#include <algorithm>
#include <set>
#include <thread>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/identity/service_config.h"
#include "services/token_broker/access.h"
#include "services/token_broker/session_policy.h"

namespace sluice::broker {
namespace {

using config::v1::GrantConfig;
using config::v1::TokenBrokerConfig;

constexpr std::string_view kSandboxAccount = "1000000000000001";

bool IsRegion(std::string_view text) {
  return text.size() >= 4 && text.size() <= 40 && service::OnlyOf(text, "-");
}
bool IsBucket(std::string_view text) {
  return text.size() >= 3 && text.size() <= 63 && service::OnlyOf(text, "-") && text.front() != '-' &&
         text.back() != '-';
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
    if (config_.listen().has_gateways()) {
      ASSIGN_OR_RETURN(out_.gateways,
                       ReadListener("listen.gateways", config_.listen().gateways(), "0.0.0.0:50053"));
      if (!out_.gateways->tls || out_.gateways->tls->client_ca_file.empty())
        return Error("listen.gateways.tls",
                     "needs cert_file, key_file and client_ca_file: gateways are known by certificates");
    }
    RETURN_IF_ERROR(ReadProviders());
    RETURN_IF_ERROR(ReadGateways());
    RETURN_IF_ERROR(ReadSts());
    RETURN_IF_ERROR(ReadCredentials());
    RETURN_IF_ERROR(ReadLoad());
    RETURN_IF_ERROR(ReadGrants());
    RETURN_IF_ERROR(ReadKeys());
    RETURN_IF_ERROR(ReadRest());
    out_.audit_file = config_.audit().file();
    out_.real_status_codes = config_.http().real_status_codes();
    ASSIGN_OR_RETURN(out_.page_origins,
                     service::ReadOrigins(source_, "http.cors", config_.http().cors(), out_.development));
    return std::move(out_);
  }

 private:
  absl::Status Error(const std::string& field, std::string_view what) const {
    return source_.Error(field, what);
  }
  absl::Status CheckAddress(const std::string& field, std::string_view text) const {
    return service::CheckAddress(source_, field, text, out_.development);
  }
  absl::StatusOr<uint32_t> ReadCount(const std::string& field, uint32_t given, uint32_t otherwise,
                                     uint32_t most) const {
    return service::ReadCount(source_, field, given, otherwise, most);
  }
  absl::StatusOr<std::chrono::milliseconds> ReadSpan(const std::string& field, bool given,
                                                     const google::protobuf::Duration& span,
                                                     std::chrono::milliseconds otherwise,
                                                     std::chrono::seconds least,
                                                     std::chrono::seconds most) const {
    return service::ReadSpan(source_, field, given, span, otherwise, least, most);
  }

  absl::StatusOr<Listener> ReadListener(const std::string& field, const config::v1::ListenerConfig& config,
                                        std::string_view otherwise) const {
    return service::ReadListener(source_, field, config, otherwise);
  }

  absl::Status ReadProviders() {
    const bool certificates = (out_.grpc.tls && !out_.grpc.tls->client_ca_file.empty()) ||
                              (out_.http.tls && !out_.http.tls->client_ca_file.empty());
    ASSIGN_OR_RETURN(out_.identity,
                     service::ReadIdentity(source_, config_.identity(), out_.development, certificates));
    for (const auto& provider : config_.identity().providers()) names_.insert(provider.name());
    return absl::OkStatus();
  }

  absl::Status ReadGateways() {
    const auto& gateways = config_.gateways();
    if (gateways.names().empty()) {
      if (gateways.audience().empty()) return absl::OkStatus();
      return Error("gateways.names", "needs the names of the gateways' certificates");
    }
    const bool known = out_.gateways || (out_.grpc.tls && !out_.grpc.tls->client_ca_file.empty());
    if (!known)
      return Error(
          "gateways",
          "needs listen.gateways, or listen.grpc with tls.client_ca_file, or no gateway could be known");
    identity::GatewayRules rules;
    for (int i = 0; i < gateways.names_size(); ++i) {
      if (gateways.names(i).empty())
        return Error("gateways.names[" + std::to_string(i) + "]", "must be a URI or DNS name");
      rules.names.insert(gateways.names(i));
    }
    rules.audiences = {gateways.audience().begin(), gateways.audience().end()};
    if (rules.audiences.empty()) rules.audiences = {"sluice-gateway"};
    for (const auto& provider : out_.identity.jwt) {
      for (const std::string& audience : provider.rules.audiences) {
        if (std::find(rules.audiences.begin(), rules.audiences.end(), audience) != rules.audiences.end())
          return Error("gateways.audience", audience + " is an audience of the provider " + provider.name +
                                                " too; a gateway's callers would be the broker's own");
      }
    }
    out_.identity.gateways = std::move(rules);
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
    if (!service::IsName(grant.name)) return Error(field + ".name", "must be 1 to 32 of a-z, 0-9 and -");
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
      if (who.provider() == out_.identity.anonymous && (grant.prefix.has_claims() || !who.claims().empty()))
        return Error(here,
                     "anonymous callers have no claims: give them a grant of their own, with a prefix "
                     "without {claim}");
      grant.who.push_back({who.provider(), {who.claims().begin(), who.claims().end()}});
    }
    for (int i = 0; i < config.delegates_size(); ++i) {
      const std::string here = field + ".delegates[" + std::to_string(i) + "]";
      const auto& who = config.delegates(i);
      if (!names_.contains(who.provider())) return Error(here + ".provider", "is none of identity.providers");
      if (who.provider() == out_.identity.anonymous) return Error(here, "anonymous callers delegate nothing");
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
    ASSIGN_OR_RETURN(out_.trusted_proxies, service::ReadProxies(source_, config_.trusted_proxies()));
    out_.public_url = config_.tickets().public_url();
    if (!out_.public_url.empty()) RETURN_IF_ERROR(CheckAddress("tickets.public_url", out_.public_url));
    out_.gateway_address = config_.gateway_address();
    if (!out_.gateway_address.empty() && !service::IsHost(out_.gateway_address))
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
    if (!digits || name.empty() || name.size() > 64 || !service::OnlyOf(lower, ".-"))
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
