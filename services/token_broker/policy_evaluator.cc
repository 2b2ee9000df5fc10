// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/policy_evaluator.h"

#include <algorithm>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"

namespace sluice::broker {
namespace {

namespace json = boost::json;

constexpr std::string_view kArn = "acs:oss:*:*:";

Failure Unknown(std::string_view what) {
  return Fail(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN", what);
}

// Text with no wildcard but perhaps a `*` at the end.
bool IsPlain(std::string_view pattern) {
  if (pattern.ends_with('*')) pattern.remove_suffix(1);
  return !pattern.empty() && pattern.find_first_of("*?$") == std::string_view::npos;
}

bool Covers(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

absl::StatusOr<std::vector<std::string>> ReadActions(const json::value* value) {
  std::vector<std::string> out;
  if (value != nullptr && value->is_string()) {
    out.emplace_back(value->get_string().data(), value->get_string().size());
  } else if (value != nullptr && value->is_array()) {
    for (const auto& item : value->get_array()) {
      if (!item.is_string()) return Unknown("an action is not text");
      out.emplace_back(item.get_string().data(), item.get_string().size());
    }
  }
  const bool plain = std::all_of(
      out.begin(), out.end(), [](const auto& action) { return IsPlain(action) && !action.ends_with('*'); });
  if (out.empty() || !plain) return Unknown("a statement has no plain list of actions");
  return out;
}

// The one member of an operator's object; null for any other shape.
const json::value* OnlyMember(const json::value& keys, const char* name) {
  return keys.is_object() && keys.get_object().size() == 1 ? keys.get_object().if_contains(name) : nullptr;
}

absl::StatusOr<std::vector<IpRange>> ReadNetworks(const json::value* value) {
  json::array list;
  if (value != nullptr && value->is_array()) list = value->get_array();
  if (value != nullptr && value->is_string()) list.push_back(*value);
  std::vector<IpRange> out;
  for (const auto& item : list) {
    const auto range = item.is_string() ? IpRange::Parse(std::string(item.get_string())) : std::nullopt;
    if (!range) return Unknown("a condition holds what is no network");
    out.push_back(*range);
  }
  if (out.empty()) return Unknown("a condition is not a list of networks on acs:SourceIp");
  return out;
}

absl::Status ReadConditions(const json::value* value, PolicyEvaluator::Statement& out) {
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_object() || value->get_object().empty()) return Unknown("Condition is not an object");
  for (const auto& [op, keys] : value->get_object()) {
    if (op == "StringLike") {
      const auto* prefix = OnlyMember(keys, "oss:Prefix");
      if (prefix == nullptr || !prefix->is_string() || !IsPlain(std::string(prefix->get_string())))
        return Unknown("a condition is not a plain oss:Prefix");
      out.prefix = std::string(prefix->get_string());
    } else if (op == "IpAddress") {
      ASSIGN_OR_RETURN(out.source_ips, ReadNetworks(OnlyMember(keys, "acs:SourceIp")));
    } else if (op == "Bool") {
      const auto* tls = OnlyMember(keys, "acs:SecureTransport");
      if (tls == nullptr || *tls != "true") return Unknown("a condition is not acs:SecureTransport true");
      out.tls_only = true;
    } else {
      return Unknown("a condition has another operator than ours");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PolicyEvaluator> PolicyEvaluator::Parse(std::string_view policy_json) {
  auto document = ParseJson(policy_json);
  if (!document.ok() || !document->is_object()) return Unknown("the policy is not a JSON object");
  const auto& policy = document->get_object();
  const auto* statements = policy.if_contains("Statement");
  if (policy.size() != 2 || JsonText(policy, "Version") != "1" || statements == nullptr ||
      !statements->is_array()) {
    return Unknown("the policy has another shape than ours");
  }
  PolicyEvaluator out;
  for (const auto& item : statements->get_array()) {
    if (!item.is_object() || JsonText(item.get_object(), "Effect") != "Allow")
      return Unknown("a statement is not an Allow");
    const auto& object = item.get_object();
    const auto* condition = object.if_contains("Condition");
    if (object.size() != (condition == nullptr ? 3u : 4u))
      return Unknown("a statement has an unknown member");
    Statement statement;
    ASSIGN_OR_RETURN(statement.actions, ReadActions(object.if_contains("Action")));
    RETURN_IF_ERROR(ReadConditions(condition, statement));
    statement.resource = JsonText(object, "Resource");
    if (!statement.resource.starts_with(kArn) ||
        !IsPlain(std::string_view(statement.resource).substr(kArn.size()))) {
      return Unknown("a resource is not one plain bucket, key or prefix");
    }
    out.statements_.push_back(std::move(statement));
  }
  return out;
}

bool PolicyEvaluator::Allows(const AccessQuestion& question) const {
  return std::any_of(statements_.begin(), statements_.end(), [&](const Statement& statement) {
    if (std::find(statement.actions.begin(), statement.actions.end(), question.action) ==
        statement.actions.end())
      return false;
    if (!Covers(statement.resource, question.resource)) return false;
    if (statement.tls_only && !question.tls) return false;
    if (!statement.source_ips.empty() && !AnyContains(statement.source_ips, question.source_ip)) return false;
    return !statement.prefix || (question.prefix && Covers(*statement.prefix, *question.prefix));
  });
}

}  // namespace sluice::broker
