// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/instance_credentials.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/aliyun/credential_answer.h"
#include "common/base/text.h"
#include "common/http/wait.h"

namespace sluice::aliyun {
namespace {

constexpr std::chrono::milliseconds kPatience{1000};
constexpr char kKeysPath[] = "/latest/meta-data/ram/security-credentials/";

// It becomes a segment of a path.
bool IsRoleName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                  c == '-' || c == '_';
         });
}

bool IsTrue(const std::optional<std::string>& value) {
  return value && absl::EqualsIgnoreCase(*value, "true");
}

}  // namespace

absl::StatusOr<Credentials> FetchInstanceKey(const InstanceMetadata& of, http::Client& client,
                                             const Clock& clock, Deadline deadline,
                                             const CancelToken& cancel) {
  const std::string who = "instance metadata at " + of.endpoint;
  http::Headers headers;
  const auto ask = [&](const std::string& method, const std::string& path) {
    return http::SendAndWait(client, {method, of.endpoint + path, headers, "", nullptr, nullptr},
                             deadline.Sooner(Deadline::After(kPatience)), cancel);
  };
  if (!of.role_name.empty() && !IsRoleName(of.role_name))
    return CredentialsInvalid("the instance's role is a name of letters, digits and .-_, not an ARN");

  headers = {{"X-aliyun-ecs-metadata-token-ttl-seconds", "60"}};
  auto token = ask("PUT", "/latest/api/token");
  headers.clear();
  if (token.ok() && token->status == 200 && token->body.size() <= 4096 && IsCredentialWord(token->body)) {
    headers = {{"X-aliyun-ecs-metadata-token", token->body}};
  } else if (!of.allow_v1) {
    const std::string what = who + " gave no token, and v1 is switched off";
    if (!token.ok() && of.role_name.empty()) return CredentialsMissing(what);
    return CredentialsUnavailable(what);
  }

  std::string role = of.role_name;
  if (role.empty()) {
    auto named = ask("GET", kKeysPath);
    if (!named.ok()) return CredentialsMissing(who + " does not answer");
    if (named->status == 404) return CredentialsMissing(who + " knows no role of this instance");
    if (named->status != 200)
      return CredentialsUnavailable(who + " answered HTTP " + std::to_string(named->status));
    role = named->body.substr(0, named->body.find_first_of("\r\n"));
    if (!IsRoleName(role)) return CredentialsUnavailable(who + " answered without the name of a role");
  }
  auto key = ask("GET", kKeysPath + role);
  if (!key.ok()) return CredentialsUnavailable(who + " does not answer");
  if (key->status == 404)
    return CredentialsUnavailable(who + " knows no role " + role + "; attach it to the instance");
  return ReadCredentialAnswer(*key, clock.Now(), who);
}

absl::StatusOr<Credentials> InstanceCredentials::Fetch(Deadline deadline, CancelToken cancel) {
  if (IsTrue(environment_("ALIBABA_CLOUD_ECS_METADATA_DISABLED")))
    return CredentialsMissing("ALIBABA_CLOUD_ECS_METADATA_DISABLED switches it off");
  return FetchInstanceKey({endpoint_, environment_("ALIBABA_CLOUD_ECS_METADATA").value_or(""),
                           !IsTrue(environment_("ALIBABA_CLOUD_IMDSV1_DISABLED"))},
                          client_, clock_, deadline, cancel);
}

}  // namespace sluice::aliyun
