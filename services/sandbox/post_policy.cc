// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/post_policy.h"

#include <algorithm>
#include <set>

#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/base/text.h"
#include "common/http/message.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;

Fault BadDocument(const std::string& what) {
  return {400, "InvalidPolicyDocument", "Invalid Policy: " + what, "", "the policy of the form is not one",
          {}};
}
Fault Refused(const std::string& what, const std::string& hint) {
  return {403, "AccessDenied", "Invalid according to Policy: " + what, "", hint, {}};
}
Fault Failed(const json::value& condition) {
  const std::string text = json::serialize(condition).substr(0, 1000);
  return Refused("Policy Condition failed: " + text,
                 "a condition of the form's policy does not hold: " + text);
}

// `2014-12-01T12:00:00.000Z`, with any milliseconds or none.
std::optional<Time> ParseExpiration(std::string_view text) {
  if (text.size() == 24 && text[19] == '.' && text[23] == 'Z' &&
      text.substr(20, 3).find_first_not_of("0123456789") == std::string_view::npos) {
    return ParseIsoExtended(std::string(text.substr(0, 19)) + "Z");
  }
  return ParseIsoExtended(text);
}

struct Judged {
  const FormFields& fields;
  std::string_view bucket;
  uint64_t length;
  // Lower-case names that an exact condition binds.
  std::set<std::string> bound;

  std::optional<std::string> Value(std::string_view name) const {
    if (Lower(name) == "bucket") return std::string(bucket);
    return FindField(fields, name);
  }

  std::optional<Fault> JudgeObject(const json::value& condition) {
    const auto& object = condition.get_object();
    if (object.size() != 1)
      return BadDocument(
          "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.");
    const auto& member = *object.begin();
    if (!member.value().is_string()) return BadDocument("Invalid Simple-Condition: the value is not text.");
    const std::string name(member.key());
    if (Value(name) != std::string(member.value().get_string())) return Failed(condition);
    bound.insert(Lower(name));
    return std::nullopt;
  }

  std::optional<Fault> JudgeList(const json::value& condition) {
    const auto& list = condition.get_array();
    if (list.size() != 3 || !list[0].is_string())
      return BadDocument("Invalid Condition: it needs three members.");
    const std::string op = Lower(std::string(list[0].get_string()));
    if (op == "content-length-range") return JudgeLength(condition);
    if (!list[1].is_string() || !list[1].get_string().starts_with("$"))
      return BadDocument("Invalid Condition: a field is named with $.");
    const std::string name(list[1].get_string().subview(1));
    const auto value = Value(name);
    if (op == "eq" || op == "starts-with") {
      if (!list[2].is_string()) return BadDocument("Invalid Condition: the value is not text.");
      const std::string wanted(list[2].get_string());
      const bool holds = value && (op == "eq" ? *value == wanted : value->starts_with(wanted));
      // A field that need only begin with nothing may be absent.
      if (!holds && !(op == "starts-with" && wanted.empty())) return Failed(condition);
      if (op == "eq") bound.insert(Lower(name));
      return std::nullopt;
    }
    if (op != "in" && op != "not-in") return BadDocument("Invalid Condition: unknown operator.");
    if (!list[2].is_array()) return BadDocument("Invalid Condition: the values are not a list.");
    const auto& values = list[2].get_array();
    const bool among = value && std::any_of(values.begin(), values.end(), [&](const json::value& one) {
                         return one.is_string() && std::string(one.get_string()) == *value;
                       });
    return among == (op == "in") ? std::nullopt : std::optional(Failed(condition));
  }

  std::optional<Fault> JudgeLength(const json::value& condition) const {
    const auto& list = condition.get_array();
    if (!list[1].is_int64() || !list[2].is_int64() || list[1].get_int64() < 0 || list[2].get_int64() < 0)
      return BadDocument("Invalid Condition: content-length-range takes two whole numbers.");
    if (length < static_cast<uint64_t>(list[1].get_int64()))
      return Fault{400,
                   "EntityTooSmall",
                   "Your proposed upload is smaller than the minimum allowed size.",
                   "",
                   "the file is smaller than content-length-range allows",
                   {}};
    if (length > static_cast<uint64_t>(list[2].get_int64()))
      return Fault{400,
                   "EntityTooLarge",
                   "Your proposed upload exceeds the maximum allowed size.",
                   "",
                   "the file is larger than content-length-range allows",
                   {}};
    return std::nullopt;
  }
};

}  // namespace

std::optional<std::string> FindField(const FormFields& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return http::SameName(field.first, name); });
  if (found == fields.end()) return std::nullopt;
  return found->second;
}

std::optional<Fault> JudgePostPolicy(std::string_view policy, const FormFields& fields,
                                     std::string_view bucket, uint64_t length, bool v4, Time now) {
  const auto document = ParseJson(policy);
  if (!document.ok() || !document->is_object()) return BadDocument("Invalid JSON: not one object.");
  const auto& object = document->get_object();
  const auto expires = ParseExpiration(JsonText(object, "expiration"));
  const auto* conditions = object.if_contains("conditions");
  if (!expires) return BadDocument("Invalid JSON: expiration is missing or no time.");
  if (conditions == nullptr || !conditions->is_array() || conditions->get_array().empty())
    return BadDocument("Invalid JSON: conditions are missing.");
  if (now >= *expires)
    return Refused("Policy expired.", "the form's policy ended at " + IsoExtended(*expires));
  Judged judged{fields, bucket, length, {}};
  for (const auto& condition : conditions->get_array()) {
    if (!condition.is_object() && !condition.is_array())
      return BadDocument("Invalid JSON: a condition is neither an object nor a list.");
    auto fault = condition.is_object() ? judged.JudgeObject(condition) : judged.JudgeList(condition);
    if (fault) return fault;
  }
  if (!v4) return std::nullopt;
  std::vector<std::string> needed = {"x-oss-signature-version", "x-oss-credential", "x-oss-date"};
  if (FindField(fields, "x-oss-security-token")) needed.emplace_back("x-oss-security-token");
  for (const std::string& name : needed) {
    if (!judged.bound.contains(name))
      return Refused("Policy Condition failed: [\"eq\", \"$" + name + "\", \"\"]",
                     "a V4 policy must bind the field " + name);
  }
  return std::nullopt;
}

}  // namespace sluice::sandbox
