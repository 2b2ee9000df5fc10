// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/ram_policy.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "services/token_broker/policy_evaluator.h"
#include "services/token_broker/session_policy.h"

namespace sluice::broker {
namespace {

namespace json = boost::json;

constexpr std::string_view kArnStart = "acs:ram::";
constexpr std::chrono::seconds kLeastMaxSession{3600};  // RAM's own

Failure BadOption(std::string_view what) {
  return Fail(absl::StatusCode::kInvalidArgument, "OPTION_INVALID", what);
}

template <typename Texts>
json::array List(const Texts& texts) {
  json::array out;
  for (const auto& text : texts) out.emplace_back(text);
  return out;
}

// `acs:ram::<account>:` of an ARN in RAM; empty for anything else.
std::string AccountStart(std::string_view arn) {
  const size_t end = arn.starts_with(kArnStart) ? arn.find(':', kArnStart.size()) : std::string_view::npos;
  return end == std::string_view::npos ? "" : std::string(arn.substr(0, end + 1));
}

std::string RoleName(std::string_view arn) { return std::string(arn.substr(arn.find('/') + 1)); }

json::object Document(json::array statements) {
  return {{"Version", "1"}, {"Statement", std::move(statements)}};
}

json::object Statement(std::string_view effect, json::array actions, json::array resources) {
  return {{"Effect", effect}, {"Action", std::move(actions)}, {"Resource", std::move(resources)}};
}

json::object Trust(std::string_view kind, std::string_view principal) {
  return {{"Effect", "Allow"},
          {"Action", "sts:AssumeRole"},
          {"Principal", json::object{{kind, json::array{principal}}}}};
}

// What sessions of a role may ask for, taken from the session policies themselves.
class Union {
 public:
  void Take(const PolicyEvaluator::Statement& asked) {
    if (asked.prefix) {
      listings_[{asked.tls_only, asked.resource}].insert(*asked.prefix);
    } else {
      objects_[{asked.tls_only, asked.resource}].insert(asked.actions.begin(), asked.actions.end());
    }
    uploads_ = uploads_ ||
               std::find(asked.actions.begin(), asked.actions.end(), "oss:PutObject") != asked.actions.end();
  }

  json::array Statements() const {
    // Places where the same may be done share a statement.
    std::map<std::tuple<bool, std::set<std::string>>, std::set<std::string>> places;
    for (const auto& [place, actions] : objects_) places[{place.first, actions}].insert(place.second);
    json::array out;
    for (const auto& [what, resources] : places)
      out.push_back(
          Conditioned(Statement("Allow", List(std::get<1>(what)), List(resources)), std::get<0>(what), {}));
    for (const auto& [place, prefixes] : listings_)
      out.push_back(
          Conditioned(Statement("Allow", {"oss:ListObjects"}, {place.second}), place.first, prefixes));
    if (uploads_) {
      json::object deny = Statement("Deny", {"oss:PutObject"}, {"*"});
      deny["Condition"] = {
          {"StringEquals", {{"oss:x-oss-object-acl", json::array{"public-read", "public-read-write"}}}}};
      out.push_back(std::move(deny));
    }
    return out;
  }

 private:
  static json::object Conditioned(json::object statement, bool tls_only,
                                  const std::set<std::string>& listings) {
    json::object conditions;
    if (tls_only) conditions["Bool"] = {{"acs:SecureTransport", json::array{"true"}}};
    if (!listings.empty()) conditions["StringLike"] = {{"oss:Prefix", List(listings)}};
    if (!conditions.empty()) statement["Condition"] = std::move(conditions);
    return statement;
  }

  // By whether only TLS will do, and resource.
  std::map<std::pair<bool, std::string>, std::set<std::string>> objects_;
  std::map<std::pair<bool, std::string>, std::set<std::string>> listings_;
  bool uploads_ = false;
};

// The ARN that an option means: of that name, or the only one.
absl::StatusOr<std::string> ChooseRole(const std::vector<std::string>& roles, std::string_view wanted) {
  if (wanted.empty() && roles.size() == 1) return roles.front();
  std::string names;
  for (const std::string& arn : roles) {
    if (!wanted.empty() && (arn == wanted || RoleName(arn) == wanted)) return arn;
    names += (names.empty() ? "" : ", ") + arn;
  }
  return BadOption((wanted.empty() ? "the grants have several roles; name one with --ram-role: "
                                   : "--ram-role is no role of a grant; those are: ") +
                   names);
}

}  // namespace

absl::StatusOr<RamIdentity> RamIdentity::Parse(std::string_view text, std::string_view oidc_provider,
                                               std::string_view service_account,
                                               const std::vector<Grant>& grants) {
  RamIdentity out{std::string(text), "", ""};
  if (text.starts_with("user/") || text.starts_with("role/")) {
    std::set<std::string> accounts;
    for (const std::string& arn : RolesOf(grants)) accounts.insert(AccountStart(arn));
    if (accounts.size() != 1)
      return BadOption("the grants' roles are in several accounts; give --ram-identity as a whole ARN");
    out.arn = *accounts.begin() + out.arn;
  }
  const std::string start = AccountStart(out.arn);
  const std::string_view rest = std::string_view(out.arn).substr(start.size());
  if (start.empty() || !(rest.starts_with("user/") || rest.starts_with("role/")) || rest.size() == 5 ||
      rest.find_first_of("*?$") != std::string_view::npos)
    return BadOption("--ram-identity is user/NAME, role/NAME or an ARN such as acs:ram::ACCOUNT:user/NAME");
  if (oidc_provider.empty()) return out;
  if (!out.is_role()) return BadOption("--oidc-provider is for a role: give --ram-identity role/NAME");
  const size_t colon = service_account.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == service_account.size() ||
      service_account.find_first_of("*?$") != std::string_view::npos)
    return BadOption("--service-account is NAMESPACE:NAME");
  out.oidc_provider = oidc_provider.starts_with(kArnStart)
                          ? std::string(oidc_provider)
                          : start + "oidc-provider/" + std::string(oidc_provider);
  out.service_account = service_account;
  return out;
}

std::vector<std::string> RolesOf(const std::vector<Grant>& grants) {
  std::set<std::string> out;
  for (const Grant& grant : grants) out.insert(grant.role_arn);
  return {out.begin(), out.end()};
}

absl::StatusOr<json::object> CeilingPolicy(const std::vector<Grant>& grants, std::string_view role_arn) {
  Union asked;
  for (const Grant& grant : grants) {
    if (grant.role_arn != role_arn) continue;
    const Scope widest{grant.bucket,  grant.prefix.LiteralStart(), false, grant.operations, {},
                       grant.tls_only};
    ASSIGN_OR_RETURN(const std::string policy, CompileSessionPolicy(widest));
    ASSIGN_OR_RETURN(const auto read, PolicyEvaluator::Parse(policy));
    for (const auto& statement : read.statements()) asked.Take(statement);
  }
  json::object out = Document(asked.Statements());
  const size_t size = json::serialize(out).size();
  if (size > kLargestRamPolicy)
    return Fail(absl::StatusCode::kFailedPrecondition, "POLICY_TOO_LARGE",
                "the ceiling of " + std::string(role_arn) + " has " + std::to_string(size) +
                    " characters and RAM takes 6144; give some of its grants a role of their own");
  return out;
}

json::object TrustPolicy(const RamIdentity& identity) { return Document({Trust("RAM", identity.arn)}); }

json::object BrokerPolicy(const std::vector<Grant>& grants) {
  return Document({Statement("Allow", {"sts:AssumeRole"}, List(RolesOf(grants)))});
}

json::object BrokerTrustPolicy(const RamIdentity& identity) {
  if (identity.oidc_provider.empty()) return Document({Trust("Service", "ecs.aliyuncs.com")});
  json::object pods = Trust("Federated", identity.oidc_provider);
  pods["Condition"] = {{"StringEquals",
                        {{"oidc:aud", json::array{"sts.aliyuncs.com"}},
                         {"oidc:sub", json::array{"system:serviceaccount:" + identity.service_account}}}}};
  return Document({std::move(pods)});
}

absl::StatusOr<std::string> DescribeRamPolicy(const std::vector<Grant>& grants, const RamIdentity& identity,
                                              std::string_view part, std::string_view role) {
  json::object out;
  if (part == "ceiling") {
    ASSIGN_OR_RETURN(const std::string arn, ChooseRole(RolesOf(grants), role));
    ASSIGN_OR_RETURN(out, CeilingPolicy(grants, arn));
  } else if (part == "trust") {
    out = TrustPolicy(identity);
  } else if (part == "broker") {
    out = BrokerPolicy(grants);
  } else if (part == "broker-trust") {
    if (!identity.is_role())
      return BadOption("a RAM user is trusted with a key; broker-trust is for --ram-identity role/NAME");
    out = BrokerTrustPolicy(identity);
  } else if (part == "all") {
    json::object broker{{"arn", identity.arn}, {"policy", BrokerPolicy(grants)}};
    if (identity.is_role()) broker["trust"] = BrokerTrustPolicy(identity);
    json::array roles;
    for (const std::string& arn : RolesOf(grants)) {
      std::chrono::seconds longest = kLeastMaxSession;
      for (const Grant& grant : grants) {
        if (grant.role_arn == arn) longest = std::max(longest, grant.max_ttl);
      }
      ASSIGN_OR_RETURN(auto ceiling, CeilingPolicy(grants, arn));
      roles.push_back(json::object{{"arn", arn},
                                   {"max_session_seconds", longest.count()},
                                   {"trust", TrustPolicy(identity)},
                                   {"ceiling", std::move(ceiling)}});
    }
    out = {{"broker", std::move(broker)}, {"roles", std::move(roles)}};
  } else {
    return BadOption("--print-ram-policy takes all, ceiling, trust, broker or broker-trust");
  }
  return json::serialize(out) + "\n";
}

}  // namespace sluice::broker
