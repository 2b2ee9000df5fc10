// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "common/http/server.h"
#include "common/telemetry/log.h"
#include "services/sandbox/sandbox_clock.h"
#include "services/sandbox/sts_signature.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

// STS: AssumeRole and GetCallerIdentity, answered as JSON. Thread-safe.
class StsEndpoint final : public http::Handler {
 public:
  // Every refusal leaves a line in `log`. All must outlive it.
  StsEndpoint(World& world, const SandboxClock& clock, telemetry::Log& log)
      : world_(world), clock_(clock), log_(log) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024 * 1024; }

 private:
  http::Answer Serve(http::RequestHead head, std::string body);
  OrFault<std::string> Act(const StsCall& call, const std::string& request_id);
  OrFault<std::string> AssumeRole(const StsCall& call, const Principal& caller, const std::string& request_id,
                                  Time now);
  bool NonceIsFresh(const std::string& nonce, Time now);

  World& world_;
  const SandboxClock& clock_;
  telemetry::Log& log_;
  std::mutex mutex_;
  std::map<std::string, Time> nonces_;  // guarded by mutex_; those of the last half hour
};

}  // namespace sluice::sandbox
