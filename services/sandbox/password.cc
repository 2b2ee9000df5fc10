// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/password.h"

#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::sandbox {

SecretString Password::Generate() { return SecretString(crypto::HexLower(crypto::RandomBytes(12))); }

std::optional<http::Answer> Password::Refuse(const http::RequestHead& head) const {
  if (password_.empty()) return std::nullopt;
  std::string_view header = http::FindHeader(head.headers, "Authorization");
  if (header.starts_with("Basic ")) {
    const auto pair = crypto::Base64Decode(header.substr(6));
    const size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon != std::string::npos && SecretString(pair->substr(colon + 1)) == password_) return std::nullopt;
  }
  return http::Answer{
      401,
      {{"WWW-Authenticate", "Basic realm=\"sluice-sandbox\""}, {"Cache-Control", "no-store"}},
      "this sandbox listens beyond loopback: send its password, printed at start, as HTTP Basic\n",
      nullptr};
}

}  // namespace sluice::sandbox
