// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/aliyun/credential_source.h"
#include "common/base/clock.h"
#include "common/telemetry/log.h"
#include "services/token_broker/config.h"

namespace sluice::broker {

// The whole broker in one object, for `main()` and for tests that run it beside the sandbox.
class Broker {
 public:
  // Listens and serves. `clock` and `log` must outlive it. Fails with what CheckOwnKey, ParseJwks, OpenAudit
  // and the listeners give. Returns before the keys behind a URL were fetched; until then their callers get
  // `IDENTITY_KEYS_MISSING`.
  static absl::StatusOr<std::unique_ptr<Broker>> Start(Settings settings,
                                                       std::unique_ptr<aliyun::CredentialSource> own,
                                                       const Clock& clock, telemetry::Log& log);
  ~Broker();

  int grpc_port() const;
  // Of the second gRPC address; 0 without one.
  int gateways_port() const;
  int http_port() const;
  int admin_port() const;

  // Calls `done` once every JWKS behind a URL was asked for once, well or not.
  void OnKeysFetched(absl::AnyInvocable<void()> done);

  // Goes over to another config: from its return on every new call is served by it. Calls under way end as
  // they began. Keys that it names anew behind a URL are waited for, at most 5 s. Errors are those of
  // CheckReplaceable and Generation::Make; then nothing has changed. One thread at a time; blocks.
  absl::Status Reload(Settings next);
  // Reads the TLS files of all listeners again; connections that stand live on. Where some are bad,
  // `TLS_FILES_INVALID`, and that listener keeps what it had. Blocks for the reading.
  absl::Status ReloadTls();
  // What is in force now.
  Settings settings() const;
  // For the metrics: `config`, `keys`, `jwks` or `tls` was read again.
  void CountReload(std::string_view what, bool good);
  // Ends what earlier configs left behind. Called now and then by whoever calls Reload.
  void Reap();

  // Says that it is not ready, to `/readyz` and the health service, and serves on.
  void AnnounceEnd();
  // AnnounceEnd; no new calls, those under way finish until `grace` has passed. Idempotent; blocks.
  void Stop(std::chrono::milliseconds grace);

 private:
  struct Parts;
  explicit Broker(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice::broker
