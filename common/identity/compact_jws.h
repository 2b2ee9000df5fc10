// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "boost/json.hpp"

namespace sluice::identity {

// A JWS in compact form, taken apart; nothing is proven yet.
struct CompactJws {
  boost::json::object header;
  std::string algorithm;
  // Empty without one.
  std::string kid;
  std::string payload;
  // What the signature is over.
  std::string signed_text;
  std::string signature;
};

// Refuses, with a message that says what and holds no part of the text: over `limit` bytes, not three parts
// of strict base64url, a header that is not one JSON object with each member once, `crit` (nothing critical
// is understood here), `b64`, a kid that is not text. `jwk`, `jku`, `x5c` and `x5u` are ignored: keys never
// come from a token. Pure.
absl::StatusOr<CompactJws> ParseCompactJws(std::string_view text, size_t limit);

}  // namespace sluice::identity
