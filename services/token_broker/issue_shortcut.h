// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ip_range.h"
#include "common/identity/authenticator.h"
#include "common/rpc/arrival.h"
#include "services/token_broker/deny_list.h"
#include "services/token_broker/issuer.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// IssueToken for a caller who asks again what was answered before: the same JWT, still good, the same request
// from the same place, under the same deny list, while the cache would give the same token. Then nothing is
// left to be judged, and the answer lies ready; what is counted, limited and recorded of a call is so all the
// same. Whatever is not exactly so is left to the Api, and so is every refusal. Thread-safe; never blocks.
class IssueShortcut {
 public:
  // All must outlive it.
  struct Parts {
    const identity::Authenticator& authenticator;
    const Grants& grants;
    const CurrentDenyList& denied;
    Issuer& issuer;
    Load& load;
    BrokerMetrics& metrics;
    Audit& audit;
    const Clock& clock;
    const std::vector<IpRange>& trusted_proxies;
  };
  explicit IssueShortcut(Parts parts) : parts_(parts) {}

  // May change `call`'s peer, into the one that its proxy names.
  std::optional<rpc::Rendered> Try(rpc::Arrival& call);

  // Keeps what the Api answers to a call with a JWT, where it came from the cache.
  void Learn(const IssuedToken& issued, const token::v1::IssueTokenResponse& answer);

 private:
  const Parts parts_;
};

}  // namespace sluice::broker
