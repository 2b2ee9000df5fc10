// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/environment_credentials.h"

#include "common/aliyun/credential_answer.h"

namespace sluice::aliyun {

absl::StatusOr<Credentials> EnvironmentCredentials::Fetch(Deadline, CancelToken) {
  constexpr char kId[] = "ALIBABA_CLOUD_ACCESS_KEY_ID";
  constexpr char kSecret[] = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
  constexpr char kToken[] = "ALIBABA_CLOUD_SECURITY_TOKEN";
  const std::string id = environment_(kId).value_or("");
  const SecretString secret(environment_(kSecret).value_or(""));
  const SecretString token(environment_(kToken).value_or(""));
  if (id.empty() && secret.empty())
    return CredentialsMissing(std::string(kId) + " and " + kSecret + " are not set");
  const auto broken = [](const std::string& name) {
    return CredentialsInvalid("set the environment variable " + name + " to one word");
  };
  if (!IsCredentialWord(id)) return broken(kId);
  if (!IsCredentialWord(secret.Reveal())) return broken(kSecret);
  if (!token.empty() && !IsCredentialWord(token.Reveal())) return broken(kToken);
  return Credentials{id, secret, token, std::nullopt};
}

}  // namespace sluice::aliyun
