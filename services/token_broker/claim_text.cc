// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/claim_text.h"

#include "common/base/status.h"

namespace sluice::broker {
namespace {

constexpr size_t kLongest = 128;

Failure Unusable(std::string_view why) {
  return Fail(absl::StatusCode::kInvalidArgument, "CLAIM_UNUSABLE", why);
}

}  // namespace

absl::StatusOr<std::string> EncodeClaim(std::string_view value) {
  if (value.empty()) return Unusable("the claim is empty; the identity provider must send a value");
  if (value == "." || value == "..") return Unusable("the claim is `.` or `..`, which cannot name a folder");
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : value) {
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alphanumeric || c == '.' || c == '_' || c == '@' || c == '-') {
      out += static_cast<char>(c);
    } else {
      out += '=';
      out += kDigits[c >> 4];
      out += kDigits[c & 15];
    }
    if (out.size() > kLongest)
      return Unusable("the claim is longer than 128 bytes once encoded; use a shorter one");
  }
  return out;
}

}  // namespace sluice::broker
