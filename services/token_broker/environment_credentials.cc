// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/environment_credentials.h"

#include <algorithm>

#include "common/base/status.h"

namespace sluice::broker {
namespace {

// Visible ASCII: a stray line break would otherwise end up inside a signature that never fits.
bool IsWord(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Failure Missing(const std::string& name) {
  return Fail(absl::StatusCode::kInvalidArgument, "CREDENTIALS_MISSING",
              "the broker's own key: set the environment variable " + name + " to one word");
}

}  // namespace

absl::StatusOr<aliyun::Credentials> ReadEnvironmentCredentials(const Environment& environment) {
  const std::string id = environment("ALIBABA_CLOUD_ACCESS_KEY_ID").value_or("");
  const SecretString secret(environment("ALIBABA_CLOUD_ACCESS_KEY_SECRET").value_or(""));
  const SecretString token(environment("ALIBABA_CLOUD_SECURITY_TOKEN").value_or(""));
  if (!IsWord(id)) return Missing("ALIBABA_CLOUD_ACCESS_KEY_ID");
  if (!IsWord(secret.Reveal())) return Missing("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
  if (!token.empty() && !IsWord(token.Reveal())) return Missing("ALIBABA_CLOUD_SECURITY_TOKEN");
  return aliyun::Credentials{id, secret, token, std::nullopt};
}

}  // namespace sluice::broker
