// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/policy_check.h"

#include <algorithm>
#include <array>

#include "boost/asio/ip/address.hpp"
#include "boost/asio/ip/network_v4.hpp"
#include "boost/asio/ip/network_v6.hpp"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 9> kOperators = {"StringEquals",
                                                        "StringNotEquals",
                                                        "StringEqualsIgnoreCase",
                                                        "StringNotEqualsIgnoreCase",
                                                        "StringLike",
                                                        "StringNotLike",
                                                        "Bool",
                                                        "IpAddress",
                                                        "NotIpAddress"};
constexpr std::array<std::string_view, 8> kKeys = {
    "oss:Prefix",          "oss:Delimiter", "oss:x-oss-acl", "oss:x-oss-object-acl",
    "acs:SecureTransport", "acs:SourceIp",  "acs:UserAgent", "acs:AccessId"};

constexpr std::array<std::string_view, 3> kTrustKeys = {"oidc:iss", "oidc:aud", "oidc:sub"};
constexpr std::array<std::pair<std::string_view, PrincipalKind>, 3> kPrincipals = {
    {{"RAM", PrincipalKind::kRam},
     {"Federated", PrincipalKind::kFederated},
     {"Service", PrincipalKind::kService}}};

Failure Grammar(std::string_view what) {
  return Fail(absl::StatusCode::kInvalidArgument, "POLICY_GRAMMAR", what);
}

absl::StatusOr<std::vector<std::string>> Texts(const json::value& value, std::string_view member) {
  std::vector<std::string> out;
  if (value.is_string()) {
    out.emplace_back(value.get_string().data(), value.get_string().size());
  } else if (value.is_array() && !value.get_array().empty()) {
    for (const auto& item : value.get_array()) {
      if (!item.is_string()) return Grammar(std::string(member) + " holds something that is not text");
      out.emplace_back(item.get_string().data(), item.get_string().size());
    }
  } else {
    return Grammar(std::string(member) + " must be text or a list of texts that is not empty");
  }
  for (const std::string& text : out) {
    if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 32 || c == 127; }))
      return Grammar(std::string(member) + " holds a control character");
  }
  return out;
}

// `*` or `service:Name`, either with wildcards.
bool IsAction(const std::string& text) {
  const size_t colon = text.find(':');
  return text == "*" || (colon != std::string::npos && colon > 0 && colon + 1 < text.size());
}

// `*` or `acs:<service>:<region>:<account>:<relative-id>`; OSS takes no region but `*` and nothing.
bool IsResource(const std::string& text) {
  if (text == "*") return true;
  if (!text.starts_with("acs:")) return false;
  std::array<size_t, 4> colons{};
  size_t from = 0;
  for (size_t& colon : colons) {
    colon = text.find(':', from);
    if (colon == std::string::npos) return false;
    from = colon + 1;
  }
  const std::string_view region = std::string_view(text).substr(colons[1] + 1, colons[2] - colons[1] - 1);
  return from < text.size() && (!text.starts_with("acs:oss:") || region == "*" || region.empty());
}

absl::StatusOr<std::vector<Condition>> Conditions(const json::value& value, PolicyKind kind) {
  if (!value.is_object()) return Grammar("Condition must be an object");
  std::vector<Condition> out;
  for (const auto& [op, keys] : value.get_object()) {
    const std::string_view name(op.data(), op.size());
    if (std::find(kOperators.begin(), kOperators.end(), name) == kOperators.end())
      return Grammar("unknown condition operator");
    if (!keys.is_object()) return Grammar("a condition operator holds an object");
    for (const auto& [key, values] : keys.get_object()) {
      const std::string_view key_name(key.data(), key.size());
      const bool of_trust = kind == PolicyKind::kTrust &&
                            std::find(kTrustKeys.begin(), kTrustKeys.end(), key_name) != kTrustKeys.end();
      if (!of_trust && std::find(kKeys.begin(), kKeys.end(), key_name) == kKeys.end())
        return Grammar("unknown condition key");
      ASSIGN_OR_RETURN(auto texts, Texts(values, key_name));
      out.push_back({std::string(name), std::string(key_name), std::move(texts)});
    }
  }
  return out;
}

absl::StatusOr<std::vector<std::pair<PrincipalKind, std::string>>> Principals(const json::value& value) {
  std::vector<std::pair<PrincipalKind, std::string>> out;
  if (!value.is_object()) return Grammar("Principal must be an object");
  for (const auto& [name, members] : value.get_object()) {
    const auto known =
        std::find_if(kPrincipals.begin(), kPrincipals.end(), [&, &name = name](const auto& kind) {
          return kind.first == std::string_view(name.data(), name.size());
        });
    if (known == kPrincipals.end()) return Grammar("Principal holds RAM, Federated or Service");
    ASSIGN_OR_RETURN(const auto texts, Texts(members, "Principal"));
    for (const std::string& text : texts) out.emplace_back(known->second, text);
  }
  return out;
}

absl::StatusOr<Statement> ParseStatement(const json::value& value, PolicyKind kind) {
  if (!value.is_object()) return Grammar("a statement must be an object");
  Statement out;
  for (const auto& [name, member] : value.get_object()) {
    if (name == "Effect") {
      if (member != "Allow" && member != "Deny") return Grammar("Effect is Allow or Deny");
      out.allow = member == "Allow";
    } else if (name == "Action") {
      ASSIGN_OR_RETURN(out.actions, Texts(member, "Action"));
      if (!std::all_of(out.actions.begin(), out.actions.end(), IsAction))
        return Grammar("an Action is * or service:Name");
    } else if (name == "Resource" && kind == PolicyKind::kIdentity) {
      ASSIGN_OR_RETURN(out.resources, Texts(member, "Resource"));
      if (!std::all_of(out.resources.begin(), out.resources.end(), IsResource))
        return Grammar("a Resource is * or acs:service:region:account:id, with region * for oss");
    } else if (name == "Principal" && kind == PolicyKind::kTrust) {
      ASSIGN_OR_RETURN(out.principals, Principals(member));
    } else if (name == "Condition") {
      ASSIGN_OR_RETURN(out.conditions, Conditions(member, kind));
    } else {
      return Grammar("unknown member of a statement");
    }
  }
  const bool target = kind == PolicyKind::kIdentity ? !out.resources.empty() : !out.principals.empty();
  if (!value.get_object().contains("Effect") || out.actions.empty() || !target) {
    return Grammar("a statement needs Effect, Action and Resource (or Principal in a trust policy)");
  }
  return out;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// An address in a network, or the very address; IPv4 written as IPv6 is IPv4.
bool InNetwork(const std::string& network, const std::string& address) {
  namespace ip = boost::asio::ip;
  boost::system::error_code error;
  ip::address found = ip::make_address(address, error);
  if (error) return false;
  if (found.is_v6() && found.to_v6().is_v4_mapped())
    found = ip::make_address_v4(ip::v4_mapped, found.to_v6());
  const bool is_network = network.find('/') != std::string::npos;
  if (!is_network) return ip::make_address(network, error) == found && !error;
  if (found.is_v4()) {
    const auto range = ip::make_network_v4(network, error);
    return !error && range.canonical() == ip::network_v4(found.to_v4(), range.prefix_length()).canonical();
  }
  const auto range = ip::make_network_v6(network, error);
  return !error && range.canonical() == ip::network_v6(found.to_v6(), range.prefix_length()).canonical();
}

bool Holds(const Condition& condition, const std::map<std::string, std::string>& context) {
  const auto found = context.find(condition.key);
  const std::string& op = condition.op;
  const bool negative = op.find("Not") != std::string::npos;
  // A key that the request lacks satisfies no positive operator, and every negative one.
  if (found == context.end()) return negative;
  const bool like = op.ends_with("Like");
  const bool ignore_case = op.ends_with("IgnoreCase") || op == "Bool";
  const bool any =
      std::any_of(condition.values.begin(), condition.values.end(), [&](const std::string& value) {
        if (like) return Matches(value, found->second, ignore_case);
        if (op.ends_with("IpAddress")) return InNetwork(value, found->second);
        return std::equal(value.begin(), value.end(), found->second.begin(), found->second.end(),
                          [&](char a, char b) { return ignore_case ? Lower(a) == Lower(b) : a == b; });
      });
  return any != negative;
}

bool Applies(const Statement& statement, const Ask& ask) {
  auto any = [](const std::vector<std::string>& patterns, std::string_view text, bool ignore_case) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const auto& pattern) { return Matches(pattern, text, ignore_case); });
  };
  if (!any(statement.actions, ask.action, true)) return false;
  if (!statement.resources.empty() && !any(statement.resources, ask.resource, false)) return false;
  const bool names_asker =
      std::any_of(statement.principals.begin(), statement.principals.end(), [&](const auto& principal) {
        return principal.first == ask.principal_kind && Matches(principal.second, ask.principal);
      });
  if (!statement.principals.empty() && !names_asker) return false;
  return std::all_of(statement.conditions.begin(), statement.conditions.end(),
                     [&](const Condition& condition) { return Holds(condition, ask.context); });
}

}  // namespace

absl::StatusOr<Policy> ParsePolicy(std::string_view text, PolicyKind kind) {
  auto document = ParseJson(text);
  if (!document.ok() || !document->is_object()) return Grammar("not a JSON object");
  const auto& object = document->get_object();
  if (JsonText(object, "Version") != "1") return Grammar("Version must be \"1\"");
  const auto* statements = object.if_contains("Statement");
  if (object.size() != 2 || statements == nullptr || !statements->is_array() ||
      statements->get_array().empty()) {
    return Grammar("a policy holds Version and a list named Statement");
  }
  Policy out;
  for (const auto& item : statements->get_array()) {
    ASSIGN_OR_RETURN(auto statement, ParseStatement(item, kind));
    out.statements.push_back(std::move(statement));
  }
  return out;
}

Decision Evaluate(const Policy& policy, const Ask& ask) {
  Decision out;
  for (size_t i = 0; i < policy.statements.size(); ++i) {
    if (!Applies(policy.statements[i], ask)) continue;
    if (!policy.statements[i].allow) return {Verdict::kExplicitDeny, i};
    if (out.verdict == Verdict::kImplicitDeny) out = {Verdict::kAllowed, i};
  }
  return out;
}

bool Matches(std::string_view pattern, std::string_view text, bool ignore_case) {
  // Two pointers with one point to return to: linear for real policies, quadratic at worst, never
  // exponential.
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t] ||
                                      (ignore_case && Lower(pattern[p]) == Lower(text[t])))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace sluice::sandbox
