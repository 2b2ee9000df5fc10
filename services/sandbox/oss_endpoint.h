// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/http/server.h"
#include "common/telemetry/log.h"
#include "services/sandbox/fault_script.h"
#include "services/sandbox/object_shelf.h"
#include "services/sandbox/oss_stats.h"
#include "services/sandbox/sandbox_clock.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

// OSS: locates bucket and key, judges signature and policies from the headers before any body is read, then
// acts. Virtual-host and path style. Thread-safe.
class OssEndpoint final : public http::Handler {
 public:
  // Every refusal leaves a line in `log`. All must outlive it.
  OssEndpoint(const World& world, const SandboxClock& clock, ObjectShelf& shelf, FaultScript& faults,
              OssStats& stats, telemetry::Log& log)
      : world_(world), clock_(clock), shelf_(shelf), faults_(faults), stats_(stats), log_(log) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead& head) const override;

 private:
  // A call of its own, whoever's page may read the answer.
  std::unique_ptr<http::Exchange> StartCall(http::RequestHead head);

  const World& world_;
  const SandboxClock& clock_;
  ObjectShelf& shelf_;
  FaultScript& faults_;
  OssStats& stats_;
  telemetry::Log& log_;
};

}  // namespace sluice::sandbox
