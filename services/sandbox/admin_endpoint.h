// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/http/server.h"
#include "services/sandbox/sandbox_clock.h"

namespace sluice::sandbox {

// GET /healthz, GET /clock, POST /clock?advance=55m (units s, m, h). Loopback only. Thread-safe.
class AdminEndpoint final : public http::Handler {
 public:
  explicit AdminEndpoint(SandboxClock& clock) : clock_(clock) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024; }

 private:
  http::Answer Serve(const http::RequestHead& head);
  SandboxClock& clock_;
};

}  // namespace sluice::sandbox
