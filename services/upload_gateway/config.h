// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/config_file.h"
#include "common/base/ip_range.h"
#include "common/crypto/sealing_ring.h"
#include "common/identity/service_config.h"
#include "services/upload_gateway/upload_stream.h"
#include "sluice/config/v1/upload_gateway_config.pb.h"

namespace sluice::gateway {

struct BrokerSettings {
  // `host:port`.
  std::string address;
  std::string ca_file;
  // Both empty for plaintext, in development.
  std::string cert_file;
  std::string key_file;
  std::string server_name;
};

// A config that was judged.
struct Settings {
  bool development = false;
  service::Listener grpc;
  service::Listener http;
  service::Listener admin;
  // Origins of web pages that may upload; `*` for all.
  std::vector<std::string> page_origins;
  int grpc_threads = 1;
  service::IdentitySettings identity;
  BrokerSettings broker;
  std::shared_ptr<const crypto::SealingRing> ring;
  // Whether the ring is a fresh key that ends with the process.
  bool ephemeral_keys = false;
  // Whether requests are signed here, with a token for each object.
  bool by_token = false;
  std::string oss_ca_file;
  uint64_t budget_bytes = 256 << 20;
  size_t streams = 10'000;
  StreamTimes times;
  std::string audit_file;
  std::vector<IpRange> trusted_proxies;
  std::chrono::milliseconds drain_wait{0};
  std::chrono::milliseconds drain_grace{20'000};
};

// Judges every value; the first that is wrong is an error of `source` with its place and mend. Refuses to
// start open: no provider, no key for upload ids unless `ephemeral_keys`, and, unless `development`, a broker
// without TLS and plain http.
absl::StatusOr<Settings> ReadSettings(const config::v1::UploadGatewayConfig& config,
                                      const ConfigSource& source);

// What `--check` shows, for a person.
std::string DescribeSettings(const Settings& settings);

}  // namespace sluice::gateway
