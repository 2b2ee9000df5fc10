// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/sts_session.h"

#include <algorithm>

#include "common/aliyun/credential_answer.h"
#include "common/http/wait.h"

namespace sluice::aliyun {
namespace {

// So that one endpoint that says nothing leaves time for the next.
constexpr std::chrono::milliseconds kLongestAttempt{3000};

bool IsNamePart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '@' ||
         c == '-' || c == '_';
}

}  // namespace

absl::Status CheckSession(const SessionOptions& options) {
  if (!options.role_arn.starts_with("acs:ram::") || options.role_arn.find(":role/") == std::string::npos ||
      options.role_arn.size() > 256 || !IsCredentialWord(options.role_arn))
    return CredentialsInvalid("the role is written acs:ram::<account>:role/<name>");
  const std::string& name = options.session_name;
  if (!name.empty() &&
      (name.size() < 2 || name.size() > 64 || !std::all_of(name.begin(), name.end(), IsNamePart)))
    return CredentialsInvalid("a role session name has 2 to 64 letters, digits and .@-_");
  if (options.policy_json.size() > 2048)
    return CredentialsInvalid("the policy of a session has at most 2048 bytes");
  if (options.life < std::chrono::seconds(900) || options.life > std::chrono::hours(12))
    return CredentialsInvalid("a session lives 900 s to 12 h");
  return absl::OkStatus();
}

std::vector<std::pair<std::string, std::string>> SessionParameters(const SessionOptions& options) {
  std::vector<std::pair<std::string, std::string>> out{
      {"RoleArn", options.role_arn},
      {"RoleSessionName", options.session_name.empty() ? "sluice" : options.session_name},
      {"DurationSeconds", std::to_string(options.life.count())}};
  if (!options.policy_json.empty()) out.emplace_back("Policy", options.policy_json);
  if (!options.external_id.empty()) out.emplace_back("ExternalId", options.external_id);
  return out;
}

absl::StatusOr<Credentials> FetchSession(http::Client& client, const std::vector<std::string>& endpoints,
                                         const std::function<http::Request(const std::string&)>& request,
                                         const Clock& clock, Deadline deadline, const CancelToken& cancel) {
  absl::Status last = CredentialsInvalid("no address of STS is known");
  for (const std::string& endpoint : endpoints) {
    auto response = http::SendAndWait(client, request(endpoint),
                                      deadline.Sooner(Deadline::After(kLongestAttempt)), cancel);
    if (response.ok()) {
      auto session = ReadSessionAnswer(*response, clock.Now());
      if (session.ok() || !absl::IsUnavailable(session.status())) return session;
      last = session.status();
    } else {
      last = Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE",
                  endpoint +
                      (absl::IsDeadlineExceeded(response.status()) ? " did not answer in time"
                                                                   : " cannot be reached") +
                      "; check the network and the addresses of STS")
                 .RetryAfter(std::chrono::seconds(2));
    }
    if (cancel.cancelled() || deadline.Left().count() == 0) break;
  }
  return last;
}

}  // namespace sluice::aliyun
