// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_endpoint.h"

#include <algorithm>
#include <array>

#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "services/sandbox/assume_call.h"
#include "services/sandbox/collected.h"
#include "services/sandbox/oidc_token.h"
#include "services/sandbox/refusal_log.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;
using Outcome = FaultDecision::Outcome;

constexpr std::array<std::string_view, 3> kActions = {"AssumeRole", "AssumeRoleWithOIDC",
                                                      "GetCallerIdentity"};
constexpr char kClientId[] = "sts.aliyuncs.com";

std::string RequestId() {
  const std::string hex = crypto::HexUpper(crypto::RandomBytes(16));
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
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

// Query and form as they came; false when the request is not well formed.
bool ReadCall(std::string body, StsCall& call) {
  const http::Headers& headers = call.head.headers;
  auto target = http::ParseTarget(call.head.target);
  const bool form =
      http::FindHeader(headers, "Content-Type").starts_with("application/x-www-form-urlencoded");
  const auto fields = form ? http::ParseForm(body) : std::vector<std::pair<std::string, std::string>>();
  if (!target || !fields || target->path != "/") return false;
  for (const auto& [name, value] : target->query) call.parameters.emplace(name, value);
  for (const auto& [name, value] : *fields) call.parameters.emplace(name, value);
  const auto named = [&](const char* header, const char* parameter) {
    const std::string_view value = http::FindHeader(headers, header);
    return value.empty() ? Parameter(call, parameter) : std::string(value);
  };
  call.action = named("x-acs-action", "Action");
  call.version = named("x-acs-version", "Version");
  call.target = *std::move(target);
  call.body = std::move(body);
  return true;
}

// What an armed fault answers in STS's own words.
Fault Ordered(const FaultDecision& decision) {
  if (decision.outcome == Outcome::kThrottle) {
    return {400,
            "Throttling.User",
            "Request was denied due to user flow control.",
            "",
            "a throttle is armed for sts",
            {}};
  }
  if (decision.status == 503) {
    return {
        503, "ServiceUnavailable",        "The request has failed due to a temporary failure of the server.",
        "",  "an error is armed for sts", {}};
  }
  return {decision.status,
          "InternalError",
          "STS Server Internal Error happened, please send the RequestId to us.",
          "",
          "an error is armed for sts",
          {}};
}

json::object Assumed(const std::string& request_id, const AssumeCall& call, const Principal& session) {
  return {{"RequestId", request_id},
          {"AssumedRoleUser", {{"Arn", call.role_arn + "/" + call.session}, {"AssumedRoleId", session.id}}},
          {"Credentials",
           {{"AccessKeyId", session.access_key_id},
            {"AccessKeySecret", session.secret.Reveal()},
            {"SecurityToken", session.security_token.Reveal()},
            {"Expiration", IsoExtended(*session.expires)}}}};
}

}  // namespace

std::unique_ptr<http::Exchange> StsEndpoint::Start(http::RequestHead head) {
  return CollectAndRespond(
      [this, head = std::move(head)](std::string body, http::Exchange::Respond respond) mutable {
        Serve(std::move(head), std::move(body), std::move(respond));
      });
}

void StsEndpoint::Serve(http::RequestHead head, std::string body, http::Exchange::Respond respond) {
  StsCall call;
  call.head = std::move(head);
  const bool known = ReadCall(std::move(body), call) &&
                     std::find(kActions.begin(), kActions.end(), call.action) != kActions.end();
  const std::string api = known ? call.action : "other";
  stats_.Received(api);
  faults_.Serve(
      "sts", api,
      [this, api, call = std::move(call)](const FaultDecision& decision) {
        return Answer(call, api, decision);
      },
      std::move(respond));
}

http::Answer StsEndpoint::Answer(const StsCall& call, const std::string& api, const FaultDecision& decision) {
  if (decision.outcome == Outcome::kReset || decision.outcome == Outcome::kGarbage) {
    stats_.Answered(api, decision.outcome == Outcome::kReset ? "reset" : "garbage", decision.at);
    return BrokenAnswer(decision);
  }
  const Turn turn{call, RequestId(), clock_.Now() + decision.clock};
  http::Answer answer;
  answer.headers = {{"Content-Type", "application/json;charset=utf-8"},
                    {"x-acs-request-id", turn.request_id},
                    {"Date", HttpDate(turn.now)}};
  OrFault<std::string> result =
      Fault{400, "InvalidParameter", "The request is not well formed.", "", "broken percent-encoding", {}};
  if (decision.outcome != Outcome::kServe) {
    result = Ordered(decision);
  } else if (!call.target.path.empty()) {
    result = Act(turn);
  }
  if (auto* fault = std::get_if<Fault>(&result)) {
    stats_.Answered(api, fault->code, decision.at);
    LogRefusal(log_, "sts", *fault, call.head, turn.request_id);
    answer.status = fault->status;
    answer.headers.emplace_back("x-sluice-hint", fault->hint);
    answer.body = json::serialize(json::object{{"RequestId", turn.request_id},
                                               {"HostId", "sts.sandbox"},
                                               {"Code", fault->code},
                                               {"Message", fault->message}});
  } else {
    stats_.Answered(api, "OK", decision.at);
    answer.body = std::get<std::string>(std::move(result));
  }
  return answer;
}

OrFault<std::string> StsEndpoint::Act(const Turn& turn) {
  const StsCall& call = turn.call;
  const bool known = std::find(kActions.begin(), kActions.end(), call.action) != kActions.end();
  if (call.version != "2015-04-01" || !known) {
    return Fault{404,
                 "InvalidApi.NotFound",
                 "Specified api is not found, please check your url and method.",
                 "",
                 "this sandbox knows AssumeRole, AssumeRoleWithOIDC and GetCallerIdentity of 2015-04-01",
                 {}};
  }
  // The token is the proof; such a call is not signed.
  if (call.action == "AssumeRoleWithOIDC") return AssumeRoleWithOidc(turn);
  std::string nonce;
  auto checked = VerifyStsSignature(call, world_, turn.now, nonce);
  if (auto* fault = std::get_if<Fault>(&checked)) return *fault;
  if (!nonces_.Take(nonce, turn.now)) {
    return Fault{400,
                 "SignatureNonceUsed",
                 "Specified signature nonce was used already.",
                 "",
                 "make a new nonce for every attempt",
                 {}};
  }
  const Principal& caller = *std::get<0>(checked);
  return call.action == "AssumeRole" ? AssumeRole(turn, caller) : GetCallerIdentity(turn, caller);
}

OrFault<std::string> StsEndpoint::GetCallerIdentity(const Turn& turn, const Principal& caller) const {
  json::object identity{{"RequestId", turn.request_id},
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

OrFault<std::string> StsEndpoint::AssumeRole(const Turn& turn, const Principal& caller) {
  auto read = ReadAssumeCall(turn.call);
  if (auto* fault = std::get_if<Fault>(&read)) return *fault;
  const AssumeCall& assume = std::get<AssumeCall>(read);
  // Whoever may not assume roles learns nothing about which exist.
  const Ask ask{"sts:AssumeRole", assume.role_arn, caller.trusted_as, {}};
  const bool caller_may =
      Evaluate(*caller.identity_policy, ask).verdict == Verdict::kAllowed &&
      (!caller.session_policy || Evaluate(*caller.session_policy, ask).verdict == Verdict::kAllowed);
  if (!caller_may) return Forbidden("the caller's own policy does not allow sts:AssumeRole on this role");
  const Role* role = FindAssumed(world_, assume);
  if (role == nullptr)
    return Fault{404, "EntityNotExist.Role",          "The specified Role not exists .",
                 "",  "no such role in this sandbox", {}};
  if (Evaluate(role->trust, ask).verdict != Verdict::kAllowed)
    return Forbidden("the role's trust policy does not name the caller");
  auto terms = ReadAssumeTerms(turn.call, *role);
  if (auto* fault = std::get_if<Fault>(&terms)) return *fault;
  auto& agreed = std::get<AssumeTerms>(terms);
  const auto issued =
      world_.IssueSession(*role, assume.session, std::move(agreed.session_policy), turn.now, agreed.life);
  return json::serialize(Assumed(turn.request_id, assume, *issued));
}

OrFault<std::string> StsEndpoint::AssumeRoleWithOidc(const Turn& turn) {
  if (auto fault = Missing(turn.call, {"OIDCProviderArn", "OIDCToken"})) return *fault;
  auto read = ReadAssumeCall(turn.call);
  if (auto* fault = std::get_if<Fault>(&read)) return *fault;
  const AssumeCall& assume = std::get<AssumeCall>(read);
  const auto no_permission = [](std::string message, std::string hint) {
    return Fault{401, "AuthenticationFail.NoPermission", std::move(message), "", std::move(hint), {}};
  };
  const std::string token = Parameter(turn.call, "OIDCToken");
  if (token.size() < 4 || token.size() > 20000) {
    return BadParameter("OIDCToken", "The parameter OIDCToken is wrongly formed.", "4 to 20000 bytes");
  }
  const std::string provider_arn = "acs:ram::" + world_.account() + ":oidc-provider/sandbox";
  if (Parameter(turn.call, "OIDCProviderArn") != provider_arn)
    return no_permission("No such OIDC Provider registered.", "here is " + provider_arn);
  auto verified = VerifyOidcToken(token, {identity_.issuer(), {kClientId}, identity_.keys()}, turn.now);
  if (auto* fault = std::get_if<Fault>(&verified)) return *fault;
  const auto& subject = std::get<OidcSubject>(verified);
  const Role* role = FindAssumed(world_, assume);
  if (role == nullptr) {
    return Fault{404, "EntityNotExist.Role",          "The role not exists: " + assume.role_arn + ".",
                 "",  "no such role in this sandbox", {}};
  }
  const Ask ask{
      "sts:AssumeRole",
      assume.role_arn,
      provider_arn,
      {{"oidc:iss", subject.issuer}, {"oidc:aud", subject.client_id}, {"oidc:sub", subject.subject}},
      PrincipalKind::kFederated};
  if (Evaluate(role->trust, ask).verdict != Verdict::kAllowed) {
    return no_permission("There is no permission",
                         "the role's trust policy does not allow this provider with this token's oidc:iss, "
                         "oidc:aud and oidc:sub");
  }
  auto terms = ReadAssumeTerms(turn.call, *role);
  if (auto* fault = std::get_if<Fault>(&terms)) return *fault;
  auto& agreed = std::get<AssumeTerms>(terms);
  const auto issued =
      world_.IssueSession(*role, assume.session, std::move(agreed.session_policy), turn.now, agreed.life);
  json::object answer = Assumed(turn.request_id, assume, *issued);
  answer["OIDCTokenInfo"] = {{"Subject", subject.subject},
                             {"Issuer", subject.issuer},
                             {"ClientIds", subject.client_id},
                             {"IssuanceTime", IsoExtended(subject.issued)},
                             {"ExpirationTime", IsoExtended(subject.expires)},
                             {"VerificationInfo", "Success"}};
  return json::serialize(answer);
}

}  // namespace sluice::sandbox
