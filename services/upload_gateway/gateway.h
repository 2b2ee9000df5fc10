// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/telemetry/log.h"
#include "services/upload_gateway/config.h"

namespace sluice::gateway {

// The whole gateway in one object, for `main()` and for tests that run it beside broker and sandbox.
class Gateway {
 public:
  // Listens and serves. `clock` and `log` must outlive it. Fails with what the audit, TLS files and listeners
  // give. Returns before the keys behind a URL were fetched; until then their callers get
  // `IDENTITY_KEYS_MISSING`.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(Settings settings, const Clock& clock,
                                                        telemetry::Log& log);
  ~Gateway();

  int grpc_port() const;
  int http_port() const;
  int admin_port() const;

  // Calls `done` once every JWKS behind a URL was asked for once, well or not.
  void OnKeysFetched(absl::AnyInvocable<void()> done);
  // Reads the TLS files of all listeners again; connections that stand live on. Where some are bad,
  // `TLS_FILES_INVALID`, and that listener keeps what it had. Blocks for the reading.
  absl::Status ReloadTls();
  // The Prometheus text.
  std::string MetricsText() const;

  // Says that it is not ready, to `/readyz` and the health service, and serves on.
  void AnnounceEnd();
  // AnnounceEnd; no new uploads; streams store what fills slots and send their clients elsewhere, until
  // `grace` has passed; then all ends. Idempotent; blocks.
  void Stop(std::chrono::milliseconds grace);

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::gateway
