// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/aliyun/credentials.h"
#include "common/base/status.h"
#include "common/http/message.h"

// What the ways to this program's own key have in common. Pure.
namespace sluice::aliyun {

// No answer with a key in it is longer, in bytes.
inline constexpr size_t kLargestCredentialAnswer = 64 * 1024;

// Visible ASCII, 1 to 32,768 of it: a stray line break would otherwise end up inside a signature that never
// fits.
bool IsCredentialWord(std::string_view text);

// As CredentialProvider::Fetch has them.
Failure CredentialsMissing(std::string_view what);
Failure CredentialsInvalid(std::string_view what);
Failure CredentialsUnavailable(std::string_view what);

// The key in the JSON that instance metadata and a credentials URI answer with: AccessKeyId, AccessKeySecret,
// SecurityToken and Expiration as words, `Code` absent or `Success`. `CREDENTIALS_UNAVAILABLE` for anything
// else, and for a key that has ended; `who` answered.
absl::StatusOr<Credentials> ReadCredentialAnswer(const http::Response& response, Time now,
                                                 std::string_view who);

// The session in the JSON of STS's AssumeRole and AssumeRoleWithOIDC. `STS_ANSWER_INVALID`, or StsError's.
absl::StatusOr<Credentials> ReadSessionAnswer(const http::Response& response, Time now);

}  // namespace sluice::aliyun
