// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boost/json.hpp"
#include "services/token_broker/grants.h"

// What RAM must be told for the grants of a config, derived from the session policies that they can lead to.
// Pure. The documents are canonical: the same grants give the same bytes, whatever their order.
namespace sluice::broker {

// RAM takes no longer custom policy; in characters.
inline constexpr size_t kLargestRamPolicy = 6144;

// Who the broker is to RAM: a user with a key, or a role that an instance or a pod has.
struct RamIdentity {
  // `acs:ram::<account>:user/<name>` or `acs:ram::<account>:role/<name>`.
  std::string arn;
  // Of a pod's role: the ARN of the cluster's OIDC provider, and `<namespace>:<name>` of the service account.
  // Without a provider the role is an ECS instance's.
  std::string oidc_provider;
  std::string service_account;

  bool is_role() const { return arn.find(":role/") != std::string::npos; }
  // `text` is an ARN, or `user/<name>` or `role/<name>` in the account of the grants' roles; `oidc_provider`
  // a name, in the account of the identity. `OPTION_INVALID`, with what to write instead.
  static absl::StatusOr<RamIdentity> Parse(std::string_view text, std::string_view oidc_provider,
                                           std::string_view service_account,
                                           const std::vector<Grant>& grants);
};

// The ARNs of the grants' roles, sorted, each once.
std::vector<std::string> RolesOf(const std::vector<Grant>& grants);

// The most that any session of the role can ever do: what session policies of its grants may ask for, under
// the literal start of each prefix, since signing sessions reach that far; and a Deny of public objects,
// which `oss:PutObject` would permit. Networks of callers are not in it: they bind tokens, not URLs.
// `POLICY_TOO_LARGE` where RAM would not take it.
absl::StatusOr<boost::json::object> CeilingPolicy(const std::vector<Grant>& grants,
                                                  std::string_view role_arn);

// Of the grants' roles: only the broker assumes them.
boost::json::object TrustPolicy(const RamIdentity& identity);

// The broker's own: it assumes the grants' roles, and nothing else.
boost::json::object BrokerPolicy(const std::vector<Grant>& grants);

// Of the broker's own role: the pods of one service account, or ECS instances.
boost::json::object BrokerTrustPolicy(const RamIdentity& identity);

// One of `ceiling`, `trust`, `broker` and `broker-trust` as its bare document on a line; `all` as
// `{"broker":{"arn","policy","trust"},"roles":[{"arn","max_session_seconds","trust","ceiling"}]}`, where
// `trust` of the broker is there for a role alone. `role` (an ARN, or a name) chooses the ceiling's where the
// grants have several. `OPTION_INVALID`, `POLICY_TOO_LARGE`.
absl::StatusOr<std::string> DescribeRamPolicy(const std::vector<Grant>& grants, const RamIdentity& identity,
                                              std::string_view part, std::string_view role);

}  // namespace sluice::broker
