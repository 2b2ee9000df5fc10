// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_endpoint.h"

#include <algorithm>
#include <charconv>

#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "services/sandbox/collected.h"
#include "services/sandbox/refusal_log.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;

std::string RequestId() {
  const std::string hex = crypto::HexUpper(crypto::RandomBytes(16));
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

Fault Parameter(const std::string& name, std::string message, std::string hint) {
  return {400, "InvalidParameter." + name, std::move(message), "", std::move(hint), {}};
}

Fault Forbidden(std::string hint) {
  return {403,
          "NoPermission",
          "No permission perform sts:AssumeRole on this Role. Maybe you are not authorized to perform "
          "sts:AssumeRole or the specified "
          "role does not trust you",
          "",
          std::move(hint),
          {}};
}

bool OnlyOf(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::unique_ptr<http::Exchange> StsEndpoint::Start(http::RequestHead head) {
  return Collect([this, head = std::move(head)](std::string body) mutable {
    return Serve(std::move(head), std::move(body));
  });
}

http::Answer StsEndpoint::Serve(http::RequestHead head, std::string body) {
  const std::string request_id = RequestId();
  http::Answer answer;
  answer.headers = {{"Content-Type", "application/json;charset=utf-8"},
                    {"x-acs-request-id", request_id},
                    {"Date", HttpDate(clock_.Now())}};
  StsCall call;
  auto target = http::ParseTarget(head.target);
  const bool form =
      http::FindHeader(head.headers, "Content-Type").starts_with("application/x-www-form-urlencoded");
  auto fields = form ? http::ParseForm(body) : std::vector<std::pair<std::string, std::string>>();
  OrFault<std::string> result =
      Fault{400, "InvalidParameter", "The request is not well formed.", "", "broken percent-encoding", {}};
  if (target && fields && target->path == "/") {
    for (const auto& [name, value] : target->query) call.parameters.emplace(name, value);
    for (const auto& [name, value] : *fields) call.parameters.emplace(name, value);
    auto named = [&](const char* header, const char* parameter) {
      const std::string_view value = http::FindHeader(head.headers, header);
      return value.empty() ? call.parameters[parameter] : std::string(value);
    };
    call.action = named("x-acs-action", "Action");
    call.version = named("x-acs-version", "Version");
    std::erase_if(call.parameters, [](const auto& pair) {
      return (pair.first == "Action" || pair.first == "Version") && pair.second.empty();
    });
    call.head = std::move(head);
    call.target = *std::move(target);
    call.body = std::move(body);
    result = Act(call, request_id);
  }
  if (auto* fault = std::get_if<Fault>(&result)) {
    LogRefusal(log_, "sts", *fault, call.target.path.empty() ? head : call.head, request_id);
    answer.status = fault->status;
    answer.headers.emplace_back("x-sluice-hint", fault->hint);
    answer.body = json::serialize(json::object{{"RequestId", request_id},
                                               {"HostId", "sts.sandbox"},
                                               {"Code", fault->code},
                                               {"Message", fault->message}});
  } else {
    answer.body = std::get<std::string>(std::move(result));
  }
  return answer;
}

OrFault<std::string> StsEndpoint::Act(const StsCall& call, const std::string& request_id) {
  const Time now = clock_.Now();
  if (call.version != "2015-04-01" || (call.action != "AssumeRole" && call.action != "GetCallerIdentity")) {
    return Fault{404,
                 "InvalidApi.NotFound",
                 "Specified api is not found, please check your url and method.",
                 "",
                 "this sandbox knows AssumeRole and GetCallerIdentity of 2015-04-01",
                 {}};
  }
  std::string nonce;
  auto checked = VerifyStsSignature(call, world_, now, nonce);
  if (auto* fault = std::get_if<Fault>(&checked)) return *fault;
  if (!NonceIsFresh(nonce, now)) {
    return Fault{400,
                 "SignatureNonceUsed",
                 "Specified signature nonce was used already.",
                 "",
                 "make a new nonce for every attempt",
                 {}};
  }
  const Principal& caller = *std::get<0>(checked);
  if (call.action == "AssumeRole") return AssumeRole(call, caller, request_id, now);
  json::object identity{{"RequestId", request_id},
                        {"AccountId", world_.account()},
                        {"IdentityType", caller.is_session() ? "AssumedRoleUser" : "RAMUser"},
                        {"PrincipalId", caller.id},
                        {"Arn", caller.arn}};
  if (caller.is_session()) {
    identity["RoleId"] = caller.id.substr(0, caller.id.find(':'));
  } else {
    identity["UserId"] = caller.id;
  }
  return json::serialize(identity);
}

OrFault<std::string> StsEndpoint::AssumeRole(const StsCall& call, const Principal& caller,
                                             const std::string& request_id, Time now) {
  auto parameter = [&](const std::string& name) {
    auto found = call.parameters.find(name);
    return found == call.parameters.end() ? std::string() : found->second;
  };
  for (const char* name : {"RoleArn", "RoleSessionName"}) {
    if (parameter(name).empty()) {
      return Fault{400, std::string("Missing") + name, std::string(name) + " is mandatory for this action.",
                   "",  "a parameter is missing",      {}};
    }
  }
  const std::string arn = parameter("RoleArn");
  const std::string start = "acs:ram::" + world_.account() + ":role/";
  if (!arn.starts_with("acs:ram::") || arn.find(":role/") == std::string::npos) {
    return Parameter("RoleArn", "The parameter RoleArn is wrongly formed.",
                     "it looks like acs:ram::<account>:role/<name>");
  }
  const std::string session = parameter("RoleSessionName");
  if (session.size() < 2 || session.size() > 64 || !OnlyOf(session, ".@-_")) {
    return Parameter("RoleSessionName", "The parameter RoleSessionName is wrongly formed.",
                     "2 to 64 of letters, digits and . @ - _");
  }
  const Role* role =
      arn.starts_with(start) ? world_.FindRole(std::string_view(arn).substr(start.size())) : nullptr;
  // Whoever may not assume roles learns nothing about which exist.
  const Ask ask{"sts:AssumeRole", arn, caller.arn, {}};
  const bool caller_may =
      Evaluate(caller.identity_policy, ask).verdict == Verdict::kAllowed &&
      (!caller.session_policy || Evaluate(*caller.session_policy, ask).verdict == Verdict::kAllowed);
  if (!caller_may) return Forbidden("the caller's own policy does not allow sts:AssumeRole on this role");
  if (role == nullptr)
    return Fault{404, "EntityNotExist.Role",          "The specified Role not exists .",
                 "",  "no such role in this sandbox", {}};
  if (Evaluate(role->trust, ask).verdict != Verdict::kAllowed)
    return Forbidden("the role's trust policy does not name the caller");

  int64_t seconds = 3600;
  if (const std::string text = parameter("DurationSeconds"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size()) seconds = 0;
  }
  if (seconds < 900 || seconds > role->max_session.count()) {
    return Parameter("DurationSeconds", "The Min/Max value of DurationSeconds is 15min/1hr.",
                     "900 to " + std::to_string(role->max_session.count()) + " for this role");
  }
  std::optional<Policy> session_policy;
  if (const std::string text = parameter("Policy"); !text.empty()) {
    if (text.size() > 2048)
      return Parameter("PolicySize", "The size of Policy must be smaller than 2048 bytes.",
                       "shorten the policy");
    auto parsed = ParsePolicy(text);
    if (!parsed.ok()) {
      return Parameter("PolicyGrammar", "The parameter Policy has not passed grammar check.",
                       std::string(parsed.status().message().data(), parsed.status().message().size()));
    }
    session_policy = *std::move(parsed);
  }
  auto issued =
      world_.IssueSession(*role, session, std::move(session_policy), now, std::chrono::seconds(seconds));
  return json::serialize(
      json::object{{"RequestId", request_id},
                   {"AssumedRoleUser", {{"Arn", arn + "/" + session}, {"AssumedRoleId", issued->id}}},
                   {"Credentials",
                    {{"AccessKeyId", issued->access_key_id},
                     {"AccessKeySecret", issued->secret.Reveal()},
                     {"SecurityToken", issued->security_token.Reveal()},
                     {"Expiration", IsoExtended(*issued->expires)}}}});
}

bool StsEndpoint::NonceIsFresh(const std::string& nonce, Time now) {
  std::lock_guard lock(mutex_);
  std::erase_if(nonces_, [&](const auto& seen) { return seen.second + std::chrono::minutes(30) < now; });
  return nonces_.emplace(nonce, now).second;
}

}  // namespace sluice::sandbox
