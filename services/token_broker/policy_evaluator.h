// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ip_range.h"

namespace sluice::broker {

// What a request to OSS would ask of a policy.
struct AccessQuestion {
  std::string action;
  // `acs:oss:*:*:bucket` or `acs:oss:*:*:bucket/key`.
  std::string resource;
  // The `prefix` of a listing; absent where the request has none.
  std::optional<std::string> prefix;
  // Numeric address it comes from, and whether over TLS.
  std::string source_ip;
  bool tls = true;
};

// A session policy of ours, read back from its bytes. Understands only the shape that CompileSessionPolicy
// writes: Allow statements, plain action names, texts with at most one wildcard, a `*` at the end, and the
// conditions StringLike on oss:Prefix, IpAddress on acs:SourceIp, Bool on acs:SecureTransport. Unchanging.
class PolicyEvaluator {
 public:
  // Fails with `INTERNAL` `POLICY_NOT_PROVEN` on any other shape, so that nothing is judged by half.
  static absl::StatusOr<PolicyEvaluator> Parse(std::string_view policy_json);

  bool Allows(const AccessQuestion& question) const;

  // One Allow. `prefix` is the oss:Prefix that a listing must match; without `source_ips` any will do.
  struct Statement {
    std::vector<std::string> actions;
    std::string resource;
    std::optional<std::string> prefix;
    std::vector<IpRange> source_ips;
    bool tls_only = false;
  };
  const std::vector<Statement>& statements() const { return statements_; }

 private:
  std::vector<Statement> statements_;
};

}  // namespace sluice::broker
