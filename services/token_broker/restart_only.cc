// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/restart_only.h"

#include <string>

#include "common/base/status.h"

namespace sluice::broker {
namespace {

std::string Text(const Listener& listener) {
  std::string out = listener.host + " " + std::to_string(listener.port);
  if (listener.tls)
    out +=
        "\n" + listener.tls->cert_file + "\n" + listener.tls->key_file + "\n" + listener.tls->client_ca_file;
  return out;
}

}  // namespace

absl::Status CheckReplaceable(const Settings& running, const Settings& next) {
  const std::pair<const char*, bool> same[] = {
      {"development", running.development == next.development},
      {"listen.grpc", Text(running.grpc) == Text(next.grpc)},
      {"listen.gateways",
       (running.gateways ? Text(*running.gateways) : "") == (next.gateways ? Text(*next.gateways) : "")},
      {"listen.http", Text(running.http) == Text(next.http)},
      {"listen.admin", Text(running.admin) == Text(next.admin)},
      {"listen.grpc_queues", running.grpc_queues == next.grpc_queues},
      {"sts.region", running.sts_region == next.sts_region},
      {"sts.endpoints", running.sts_endpoints == next.sts_endpoints},
      {"sts.timeout", running.sts_timeout == next.sts_timeout},
      {"credentials.chain", running.credential_chain == next.credential_chain},
      {"credentials.metadata_endpoint", running.metadata_endpoint == next.metadata_endpoint},
      {"audit.file", running.audit_file == next.audit_file},
      {"deny.file", running.deny_file == next.deny_file},
      {"http.real_status_codes", running.real_status_codes == next.real_status_codes},
      {"http.cors", running.page_origins == next.page_origins},
      {"cache.max_bytes", running.cache_bytes == next.cache_bytes},
  };
  for (const auto& [field, is_same] : same) {
    if (is_same) continue;
    return Fail(absl::StatusCode::kFailedPrecondition, "RESTART_NEEDED",
                std::string(field) +
                    " differs from what runs, and is read at start alone; restart the broker, or "
                    "put the old value back")
        .With("field", field);
  }
  return absl::OkStatus();
}

}  // namespace sluice::broker
