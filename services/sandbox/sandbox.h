// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/secret_string.h"
#include "common/telemetry/log.h"
#include "services/sandbox/fault_script.h"
#include "services/sandbox/object_shelf.h"
#include "services/sandbox/oss_stats.h"
#include "services/sandbox/sandbox_clock.h"
#include "services/sandbox/sts_stats.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

struct SandboxOptions {
  // Numeric address; anything but loopback should come with a password.
  std::string host = "127.0.0.1";
  // 0 takes a free one.
  uint16_t oss_port = 0;
  uint16_t sts_port = 0;
  uint16_t metadata_port = 0;
  uint16_t identity_port = 0;
  uint16_t admin_port = 0;
  // What clients call this machine; stands in the issuer, `http://<public_host>:<identity port>`.
  std::string public_host = "127.0.0.1";
  // Guards minting and the admin port; empty guards nothing.
  SecretString password;
  // Whether an object's name may order a fault: `fault-reset`, see FaultOfName.
  bool faults_by_name = false;
};

// STS, OSS, instance metadata, identity provider and admin port over one world, in one object: for `main()`
// and for tests that run it beside the broker. Thread-safe.
class Sandbox {
 public:
  // `world` null stands for the default world. `real` and `log` must outlive it. `UNAVAILABLE`
  // `LISTEN_FAILED`.
  static absl::StatusOr<std::unique_ptr<Sandbox>> Start(SandboxOptions options, std::unique_ptr<World> world,
                                                        const Clock& real, telemetry::Log& log);
  ~Sandbox();

  uint16_t oss_port() const;
  uint16_t sts_port() const;
  uint16_t metadata_port() const;
  uint16_t identity_port() const;
  uint16_t admin_port() const;
  const std::string& issuer() const;
  // What STS, OSS and metadata take for now; tests move it.
  SandboxClock& clock();
  // Trouble on order, as POST /faults gives it.
  FaultScript& faults();
  // What STS was asked and answered.
  StsStats& stats();
  // What OSS was asked, and what it holds.
  OssStats& oss_stats();
  const ObjectShelf& shelf() const;

  // Resets the calls that a stall holds, lets other requests in flight finish for five seconds. Idempotent;
  // blocks.
  void Stop();

 private:
  struct Parts;
  explicit Sandbox(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::sandbox
