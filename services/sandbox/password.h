// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "common/base/secret_string.h"
#include "common/http/server.h"

namespace sluice::sandbox {

// What guards minting and the clock when the sandbox can be reached from elsewhere. Unchanging.
class Password {
 public:
  // Without a password everything passes.
  Password() = default;
  explicit Password(SecretString password) : password_(std::move(password)) {}
  static SecretString Generate();

  // The 401 for a request without the password as HTTP Basic, under any user name; nothing when it may pass.
  std::optional<http::Answer> Refuse(const http::RequestHead& head) const;

 private:
  SecretString password_;
};

}  // namespace sluice::sandbox
