// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/http/server.h"
#include "common/telemetry/log.h"
#include "services/sandbox/fault_script.h"
#include "services/sandbox/instance_session.h"

namespace sluice::sandbox {

// An instance's metadata, as far as credentials go, and a credentials URI:
// - `PUT /latest/api/token` with `X-aliyun-ecs-metadata-token-ttl-seconds` (1 to 21600) gives a token;
// - `GET /latest/meta-data/ram/security-credentials/` the role's name, and with the name behind it a session
//   as JSON, with a token in `X-aliyun-ecs-metadata-token` (v2) or without (v1);
// - `GET /credentials` the same session.
// Faults armed for `metadata`, and for `uri` on /credentials, come first. `v1-off` refuses who comes without
// a token, `v2-off` knows no tokens. Thread-safe.
class MetadataEndpoint final : public http::Handler {
 public:
  // Every refusal leaves a line in `log`. All must outlive it.
  MetadataEndpoint(World& world, const Clock& clock, FaultScript& faults, telemetry::Log& log);
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024; }

 private:
  http::Answer Answer(const http::RequestHead& head, const FaultDecision& decision);
  http::Answer Refuse(const http::RequestHead& head, int status, const char* code, std::string why);
  http::Answer NewToken(const http::RequestHead& head, Time now);
  http::Answer Credentials(const http::RequestHead& head, Time now);
  std::string Mac(std::string_view text) const;
  bool TokenIsGood(std::string_view token, Time now) const;

  World& world_;
  const Clock& clock_;
  FaultScript& faults_;
  telemetry::Log& log_;
  InstanceSession session_;
  // Tokens are signed with it, so that none need be kept.
  const std::string key_;
};

}  // namespace sluice::sandbox
