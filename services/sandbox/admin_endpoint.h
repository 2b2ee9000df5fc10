// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/http/server.h"
#include "common/http/target.h"
#include "services/sandbox/fault_script.h"
#include "services/sandbox/object_shelf.h"
#include "services/sandbox/oss_stats.h"
#include "services/sandbox/password.h"
#include "services/sandbox/sandbox_clock.h"
#include "services/sandbox/sts_stats.h"

namespace sluice::sandbox {

// - GET /healthz;
// - GET /clock, POST /clock?advance=55m (a duration, at most a year);
// - GET /faults, POST /faults?service=&kind=[&value=][&count=][&for=][&operation=][&key=], DELETE
// /faults[?service=][&kind=];
// - GET /stats[?key=], of one object of OSS; DELETE /stats.
// All but health ask for the password, where there is one. Thread-safe.
class AdminEndpoint final : public http::Handler {
 public:
  AdminEndpoint(SandboxClock& clock, FaultScript& faults, StsStats& stats, OssStats& oss,
                const ObjectShelf& shelf, const Password& password)
      : clock_(clock), faults_(faults), stats_(stats), oss_(oss), shelf_(shelf), password_(password) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024; }

 private:
  http::Answer Serve(const http::RequestHead& head);
  http::Answer Clock(const std::string& method, const http::Target& target);
  http::Answer Faults(const std::string& method, const http::Target& target);
  http::Answer Stats(const std::string& method, const http::Target& target);

  SandboxClock& clock_;
  FaultScript& faults_;
  StsStats& stats_;
  OssStats& oss_;
  const ObjectShelf& shelf_;
  const Password& password_;
};

}  // namespace sluice::sandbox
