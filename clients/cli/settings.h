// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "clients/cpp/token_client.h"
#include "clients/cpp/upload_client.h"
#include "common/base/config_file.h"

namespace sluice::cli {

// What was given as flags; empty where it was not.
struct SettingFlags {
  std::string broker;
  std::string jwt_file;
  std::string ca;
  std::string ticket_file;
  std::string cert;
  std::string key;
  std::string gateway;
  std::string gateway_jwt_file;
};

// Flags first, then SLUICE_BROKER, SLUICE_JWT_FILE, SLUICE_CA, then `$XDG_CONFIG_HOME/sluice/config.yaml` or
// `~/.config/sluice/config.yaml` where there is one. `INVALID_ARGUMENT`: `BROKER_UNSET`, `JWT_UNREADABLE`,
// `CONFIG_INVALID`. A ticket (`--ticket-file`) takes the place of a JWT; a certificate and its key are flags
// alone. With none of them the caller is anonymous.
absl::StatusOr<client::TokenClientOptions> ReadSettings(const SettingFlags& flags,
                                                        const Environment& environment);

// How the gateway is reached; `--gateway`, `--gateway-jwt-file` and `--ca`, SLUICE_GATEWAY,
// SLUICE_GATEWAY_JWT_FILE, SLUICE_CA, then the config. No address where none is given. The JWT's file is read
// again for each stream.
absl::StatusOr<client::UploadClientOptions> ReadGatewaySettings(const SettingFlags& flags,
                                                                const Environment& environment);

}  // namespace sluice::cli
