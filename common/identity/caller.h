// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "boost/json.hpp"

namespace sluice::identity {

// Who is calling, as a provider vouches for it.
struct Caller {
  // Name of the provider in the config.
  std::string provider;
  // `sub` of a JWT; `anonymous` for a caller without proof.
  std::string subject;
  // All claims of the proof, verified. Empty for anonymous callers.
  boost::json::object claims;
  bool anonymous = false;
};

}  // namespace sluice::identity
