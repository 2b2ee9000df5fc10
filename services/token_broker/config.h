// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/config_file.h"
#include "common/http/server.h"
#include "common/identity/authenticator.h"
#include "common/identity/service_config.h"
#include "services/token_broker/grants.h"
#include "services/token_broker/load.h"
#include "sluice/config/v1/token_broker_config.pb.h"

namespace sluice::broker {

using service::Listener;

// A config that was judged.
struct Settings {
  bool development = false;
  Listener grpc;
  // Second address of gRPC, for gateways.
  std::optional<Listener> gateways;
  Listener http;
  Listener admin;
  service::IdentitySettings identity;
  // How many, each with a thread.
  int grpc_queues = 1;
  std::string sts_region;
  // Scheme and host each, in the order they are tried.
  std::vector<std::string> sts_endpoints;
  std::chrono::milliseconds sts_timeout{5000};
  uint32_t sts_calls_per_second = 100;
  // Names of the sources of the broker's own key, in order.
  std::vector<std::string> credential_chain;
  // Scheme and host.
  std::string metadata_endpoint;
  std::vector<Grant> grants;
  std::string audit_file;
  std::shared_ptr<const identity::TicketRing> tickets;
  // Whether the ring is a fresh key that ends with the process.
  bool ephemeral_keys = false;
  // Scheme and host; empty for none.
  std::string public_url;
  // Empty for none.
  std::string deny_file;
  std::vector<IpRange> trusted_proxies;
  std::string gateway_address;
  bool real_status_codes = false;
  // Origins of web pages that may call the HTTP listener; `*` for all.
  std::vector<std::string> page_origins;
  uint64_t cache_bytes = 256 << 20;
  LoadLimits load;
  std::chrono::milliseconds drain_wait{0};
  std::chrono::milliseconds drain_grace{20000};
};

// Judges every value; the first that is wrong is an error of `source` with its place and mend. Refuses to
// start open: no provider, no grant, a grant for anonymous callers whose prefix holds a claim, no key for
// tickets unless `ephemeral_keys`, and, unless `development`, plain http and the sandbox's account.
absl::StatusOr<Settings> ReadSettings(const config::v1::TokenBrokerConfig& config,
                                      const ConfigSource& source);

// The session policy for the longest claims that the grant's prefix can take. Pure.
absl::StatusOr<std::string> WorstPolicy(const Grant& grant);

// `INVALID_ARGUMENT` `CONFIG_INVALID` for the sandbox's public key outside development.
absl::Status CheckOwnKey(const std::string& access_key_id, bool development);

}  // namespace sluice::broker
