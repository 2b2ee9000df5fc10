// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "common/http/server.h"

namespace sluice::broker {

// `GET /healthz`: the process answers. `GET /readyz`: listening and not draining; never a question to STS.
// Thread-safe.
class AdminEdge final : public http::Handler {
 public:
  void SetReady(bool ready) { ready_ = ready; }
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024; }

 private:
  std::atomic<bool> ready_ = false;
};

}  // namespace sluice::broker
