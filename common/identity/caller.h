// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "boost/json.hpp"
#include "common/identity/ticket.h"

namespace sluice::identity {

// Who is calling, as a provider vouches for it.
struct Caller {
  // Name of the provider in the config.
  std::string provider;
  // `sub` of a JWT, the SAN of a certificate; `anonymous` for a caller without proof.
  std::string subject;
  // All claims of the proof, verified. Empty for anonymous callers.
  boost::json::object claims;
  bool anonymous = false;
  // The ticket that the caller came with: provider, subject and claims are then what it says, and it may do
  // no more than the ticket.
  std::optional<Ticket> ticket;
  // An upload gateway asks for this caller, and may do for it what gateways do, nothing else.
  bool by_gateway = false;
};

}  // namespace sluice::identity
