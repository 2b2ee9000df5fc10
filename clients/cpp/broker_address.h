// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::client {

// Where a broker listens and whether the way there is encrypted.
struct BrokerAddress {
  // `host:port` or `[v6]:port`.
  std::string target;
  bool tls = false;
};

// `https://host:port`, or `host:port` when the host is `localhost` or a numeric loopback address; so a JWT
// never crosses a network in the clear. Anything else is `INVALID_ARGUMENT` `BROKER_ADDRESS_INVALID`.
absl::StatusOr<BrokerAddress> ParseBrokerAddress(std::string_view text);

}  // namespace sluice::client
