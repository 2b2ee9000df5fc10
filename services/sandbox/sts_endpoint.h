// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/http/server.h"
#include "common/telemetry/log.h"
#include "services/sandbox/fault_script.h"
#include "services/sandbox/identity_endpoint.h"
#include "services/sandbox/recent_nonces.h"
#include "services/sandbox/sts_signature.h"
#include "services/sandbox/sts_stats.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

// STS: AssumeRole, AssumeRoleWithOIDC and GetCallerIdentity, answered as JSON. The provider of OIDC tokens is
// `identity`, registered as `oidc-provider/sandbox` with the client id `sts.aliyuncs.com`. Faults armed for
// `sts` come before everything else; a call that one refuses costs neither nonce nor session. Thread-safe.
class StsEndpoint final : public http::Handler {
 public:
  // Every refusal leaves a line in `log`. All must outlive it.
  StsEndpoint(World& world, const Clock& clock, const IdentityEndpoint& identity, FaultScript& faults,
              StsStats& stats, telemetry::Log& log)
      : world_(world), clock_(clock), identity_(identity), faults_(faults), stats_(stats), log_(log) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024 * 1024; }

 private:
  // One call while it is answered.
  struct Turn {
    const StsCall& call;
    std::string request_id;
    Time now;
  };
  void Serve(http::RequestHead head, std::string body, http::Exchange::Respond respond);
  http::Answer Answer(const StsCall& call, const std::string& api, const FaultDecision& decision);
  OrFault<std::string> Act(const Turn& turn);
  OrFault<std::string> GetCallerIdentity(const Turn& turn, const Principal& caller) const;
  OrFault<std::string> AssumeRole(const Turn& turn, const Principal& caller);
  OrFault<std::string> AssumeRoleWithOidc(const Turn& turn);

  World& world_;
  const Clock& clock_;
  const IdentityEndpoint& identity_;
  FaultScript& faults_;
  StsStats& stats_;
  telemetry::Log& log_;
  RecentNonces nonces_;
};

}  // namespace sluice::sandbox
