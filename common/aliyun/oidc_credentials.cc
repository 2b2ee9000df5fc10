// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oidc_credentials.h"

#include "common/aliyun/credential_answer.h"
#include "common/base/file.h"
#include "common/base/iso_time.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::aliyun {
namespace {

// STS takes no longer token.
constexpr size_t kLargestToken = 20000;

std::string Form(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters)
    out += (out.empty() ? "" : "&") + crypto::PercentEncode(name) + "=" + crypto::PercentEncode(value);
  return out;
}

}  // namespace

absl::StatusOr<Credentials> FetchOidcSession(const OidcSession& of, http::Client& client,
                                             const std::vector<std::string>& sts_endpoints,
                                             const Clock& clock, Deadline deadline,
                                             const CancelToken& cancel) {
  RETURN_IF_ERROR(CheckSession(of.session));
  if (!IsCredentialWord(of.provider_arn) || of.provider_arn.find(":oidc-provider/") == std::string::npos)
    return CredentialsInvalid("the OIDC provider is written acs:ram::<account>:oidc-provider/<name>");
  std::string token = ReadFile(of.token_file, kLargestToken + 2).value_or("");
  while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
  if (!IsCredentialWord(token) || token.size() > kLargestToken)
    return CredentialsUnavailable("the OIDC token file " + of.token_file +
                                  " cannot be read, or does not hold one token of at most 20000 bytes");
  auto parameters = SessionParameters(of.session);
  parameters.emplace_back("OIDCProviderArn", of.provider_arn);
  parameters.emplace_back("OIDCToken", token);
  const std::string body = Form(parameters);
  const auto request = [&](const std::string& endpoint) {
    const std::string query = Form({{"Action", "AssumeRoleWithOIDC"},
                                    {"Version", "2015-04-01"},
                                    {"Format", "JSON"},
                                    {"Timestamp", IsoExtended(clock.Now())},
                                    {"SignatureNonce", crypto::HexLower(crypto::RandomBytes(16))}});
    return http::Request{"POST",
                         endpoint + "/?" + query,
                         {{"Content-Type", "application/x-www-form-urlencoded"}},
                         body,
                         nullptr,
                         nullptr};
  };
  auto session = FetchSession(client, sts_endpoints, request, clock, deadline, cancel);
  if (session.ok() || absl::IsUnavailable(session.status())) return session;
  return Fail(session.status().code(), Reason(session.status()),
              "AssumeRoleWithOIDC of " + of.session.role_arn + ": " +
                  std::string(FromAbsl(session.status().message())) +
                  "; the role's trust policy must name the provider and the token's audience and subject");
}

absl::StatusOr<Credentials> OidcCredentials::Fetch(Deadline deadline, CancelToken cancel) {
  OidcSession of;
  of.session.role_arn = environment_("ALIBABA_CLOUD_ROLE_ARN").value_or("");
  of.session.session_name = environment_("ALIBABA_CLOUD_ROLE_SESSION_NAME").value_or("");
  of.provider_arn = environment_("ALIBABA_CLOUD_OIDC_PROVIDER_ARN").value_or("");
  of.token_file = environment_("ALIBABA_CLOUD_OIDC_TOKEN_FILE").value_or("");
  // The role's variable alone is nobody's sign: other ways read it too.
  if (of.provider_arn.empty() && of.token_file.empty())
    return CredentialsMissing(
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE are not set");
  description_ = "OIDC token " + of.token_file + " for " + of.session.role_arn;
  for (const auto& [name, value] : {std::pair("ALIBABA_CLOUD_ROLE_ARN", &of.session.role_arn),
                                    std::pair("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", &of.provider_arn),
                                    std::pair("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &of.token_file)}) {
    if (value->empty())
      return CredentialsInvalid("set the environment variable " + std::string(name) + " too");
  }
  return FetchOidcSession(of, client_, sts_endpoints_, clock_, deadline, cancel);
}

}  // namespace sluice::aliyun
