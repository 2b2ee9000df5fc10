// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/config.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "services/token_broker/session_policy.h"
#include "services/token_broker/token_plan.h"

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
    RETURN_IF_ERROR(ReadGrants());
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
    const bool plain = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view(".-:[]").find(c) != std::string_view::npos;
    });
    if (!plain)
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
      if (!provider.has_jwt()) return Error(field, "needs jwt or anonymous");
      RETURN_IF_ERROR(ReadJwt(field + ".jwt", provider));
      if (!issuers.insert(provider.jwt().issuer()).second)
        return Error(field + ".jwt.issuer", "is taken by another provider");
    }
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
    if (jwt.jwks_url().empty() == jwt.jwks_file().empty())
      return Error(field, "needs exactly one of jwks_url and jwks_file");
    if (!jwt.jwks_url().empty()) RETURN_IF_ERROR(CheckUrl(field + ".jwks_url", jwt.jwks_url()));
    settings.jwks_url = jwt.jwks_url();
    settings.jwks_file = jwt.jwks_file();
    if (jwt.has_clock_skew()) settings.rules.skew = std::chrono::seconds(jwt.clock_skew().seconds());
    if (settings.rules.skew > std::chrono::seconds(60)) return Error(field + ".clock_skew", "is at most 60s");
    out_.jwt.push_back(std::move(settings));
    return absl::OkStatus();
  }

  absl::Status ReadSts() {
    const auto& sts = config_.sts();
    if (!IsRegion(sts.region())) return Error("sts.region", "must be a region id such as cn-hangzhou");
    out_.sts_endpoint =
        sts.endpoints().empty() ? "https://sts." + sts.region() + ".aliyuncs.com" : sts.endpoints(0);
    for (int i = 0; i < sts.endpoints_size(); ++i)
      RETURN_IF_ERROR(CheckAddress("sts.endpoints[" + std::to_string(i) + "]", sts.endpoints(i)));
    if (sts.endpoints_size() > 1) return Error("sts.endpoints", "takes one address in this version");
    if (sts.has_timeout()) out_.sts_timeout = std::chrono::seconds(sts.timeout().seconds());
    if (out_.sts_timeout < std::chrono::seconds(1) || out_.sts_timeout > std::chrono::seconds(30))
      return Error("sts.timeout", "must be 1s to 30s");
    const auto& chain = config_.credentials().chain();
    for (int i = 0; i < chain.size(); ++i) {
      if (chain[i] != "env")
        return Error("credentials.chain[" + std::to_string(i) + "]", "known in this version: env");
    }
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
    const Scope worst{grant.bucket, grant.prefix.WorstCase(), false, grant.operations};
    const auto policy = CompileSessionPolicy(worst);
    if (!policy.ok())
      return Error(field + ".prefix",
                   "for the longest claims: " + std::string(FromAbsl(policy.status().message())));
    out_.grants.push_back(std::move(grant));
    return absl::OkStatus();
  }

  absl::Status ReadWho(const std::string& field, const GrantConfig& config, Grant& grant) const {
    if (config.who().empty()) return Error(field + ".who", "needs at least one entry; nobody could ask");
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

absl::Status CheckOwnKey(const std::string& access_key_id, bool development) {
  if (development || !access_key_id.starts_with("SANDBOX")) return absl::OkStatus();
  return Fail(
      absl::StatusCode::kInvalidArgument, "CONFIG_INVALID",
      "ALIBABA_CLOUD_ACCESS_KEY_ID is the sandbox's public key, which is for development: true alone");
}

std::vector<std::string> Warnings(const Settings& settings) {
  std::vector<std::string> out;
  for (const Grant& grant : settings.grants) {
    const bool open = std::any_of(grant.who.begin(), grant.who.end(),
                                  [&](const Who& who) { return who.provider == settings.anonymous; });
    if (open) {
      out.push_back("grant " + grant.name + " is open to anybody who can reach this broker");
    } else if (!grant.prefix.has_claims()) {
      out.push_back("grant " + grant.name + ": its callers share the prefix " + grant.prefix.text());
    }
  }
  return out;
}

std::string DescribeGrants(const Settings& settings) {
  std::string out;
  for (const Grant& grant : settings.grants) {
    const auto policy =
        CompileSessionPolicy({grant.bucket, grant.prefix.WorstCase(), false, grant.operations});
    out += "grant " + grant.name + ": " + OperationNames(grant.operations) + " on " + grant.bucket + "/" +
           grant.prefix.text() + " in " + grant.region + " as " + grant.role_arn + ", ttl " +
           std::to_string(grant.default_ttl.count()) + " s, at most " +
           std::to_string(grant.max_ttl.count()) + " s; worst-case policy " +
           std::to_string(policy.ok() ? policy->size() : 0) + " of " + std::to_string(kLargestPolicy) +
           " bytes\n";
  }
  return out;
}

}  // namespace sluice::broker
