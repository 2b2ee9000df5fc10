// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/session_name.h"

#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::broker {

std::string SessionName(std::string_view subject, std::string_view grant_id) {
  constexpr size_t kLongest = 64;
  std::string out(subject.substr(0, kLongest - 1 - grant_id.size()));
  for (char& c : out) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                         c == '.' || c == '@' || c == '-' || c == '_';
    if (!allowed) c = '_';
  }
  return out + "@" + std::string(grant_id);
}

std::string NewGrantId() { return "g" + crypto::RandomHexId(16); }

}  // namespace sluice::broker
