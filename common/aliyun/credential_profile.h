// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "common/aliyun/credentials.h"
#include "common/aliyun/oidc_credentials.h"
#include "common/aliyun/sts_session.h"

// The vendor's two files of profiles, read to the end before anything is used of them. Pure.
namespace sluice::aliyun {

// A session of a role by AssumeRole with a key.
struct RoleProfile {
  Credentials key;
  SessionOptions session;
};
struct InstanceProfile {
  // Empty to ask the instance.
  std::string role_name;
};
struct UriProfile {
  std::string uri;
};

// How a profile says to get a key: it holds one, or names whom to ask.
using CredentialProfile = std::variant<Credentials, RoleProfile, InstanceProfile, OidcSession, UriProfile>;

// `[name]` of INI text as in `~/.alibabacloud/credentials`: `type` is access_key, sts, ram_role_arn,
// ecs_ram_role, oidc_role_arn or credentials_uri. A `#` or `;` at the start of a line or behind a space
// begins a comment. `CREDENTIALS_MISSING` where there is no such section, or it says `enable = false`;
// `CREDENTIALS_INVALID` for everything else that is not as the vendor documents it, with the line, and for
// the types rsa_key_pair and bearer, which are not supported.
absl::StatusOr<CredentialProfile> ParseCredentialsIni(std::string_view text, std::string_view name);

// The profile `name` of JSON as in `~/.aliyun/config.json`, the current one when empty: modes AK, StsToken,
// RamRoleArn, EcsRamRole, OIDC and CredentialsURI. Errors likewise; ChainableRamRoleArn, CloudSSO, OAuth,
// External, RsaKeyPair and the like, which need other programs or people, are not supported.
absl::StatusOr<CredentialProfile> ParseCliConfig(std::string_view text, std::string_view name);

}  // namespace sluice::aliyun
