// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/http/server.h"
#include "services/sandbox/password.h"
#include "services/sandbox/sandbox_clock.h"

namespace sluice::sandbox {

// GET /healthz, GET /clock, POST /clock?advance=55m (a duration, at most a year). All but
// health ask for the password, where there is one. Thread-safe.
class AdminEndpoint final : public http::Handler {
 public:
  AdminEndpoint(SandboxClock& clock, const Password& password) : clock_(clock), password_(password) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024; }

 private:
  http::Answer Serve(const http::RequestHead& head);
  SandboxClock& clock_;
  const Password& password_;
};

}  // namespace sluice::sandbox
