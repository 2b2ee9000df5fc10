// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/settings.h"

#include <filesystem>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "sluice/config/v1/client_config.pb.h"

namespace sluice::cli {
namespace {

std::string ConfigPath(const Environment& environment) {
  const std::string xdg = environment("XDG_CONFIG_HOME").value_or("");
  if (!xdg.empty()) return xdg + "/sluice/config.yaml";
  const std::string home = environment("HOME").value_or("");
  return home.empty() ? "" : home + "/.config/sluice/config.yaml";
}

std::string FirstSet(const std::string& flag, const std::optional<std::string>& variable,
                     const std::string& configured) {
  if (!flag.empty()) return flag;
  return variable && !variable->empty() ? *variable : configured;
}

absl::StatusOr<SecretString> ReadProof(const char* what, const std::string& path) {
  const std::string text = ReadFile(path).value_or("");
  const size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) {
    return Fail(absl::StatusCode::kInvalidArgument, "JWT_UNREADABLE",
                std::string("the ") + what + " file \"" + path + "\" cannot be read or is empty");
  }
  return SecretString(std::string_view(text).substr(0, end + 1));
}

absl::StatusOr<config::v1::ClientConfig> ReadClientConfig(const std::string& path,
                                                          const Environment& environment) {
  config::v1::ClientConfig config;
  std::error_code error;
  if (!path.empty() && std::filesystem::exists(path, error))
    RETURN_IF_ERROR(LoadConfig(path, config, environment).status());
  return config;
}

}  // namespace

absl::StatusOr<client::UploadClientOptions> ReadGatewaySettings(const SettingFlags& flags,
                                                                const Environment& environment) {
  ASSIGN_OR_RETURN(const config::v1::ClientConfig config,
                   ReadClientConfig(ConfigPath(environment), environment));
  client::UploadClientOptions out;
  out.gateways = SplitList(FirstSet(flags.gateway, environment("SLUICE_GATEWAY"), config.gateway()), ',');
  out.ca_file = FirstSet(flags.ca, environment("SLUICE_CA"), config.ca());
  std::string jwt =
      FirstSet(flags.gateway_jwt_file, environment("SLUICE_GATEWAY_JWT_FILE"), config.gateway_jwt_file());
  if (jwt.empty()) jwt = FirstSet(flags.jwt_file, environment("SLUICE_JWT_FILE"), config.jwt_file());
  if (!jwt.empty()) out.jwt = [jwt] { return ReadProof("JWT", jwt); };
  return out;
}

absl::StatusOr<client::TokenClientOptions> ReadSettings(const SettingFlags& flags,
                                                        const Environment& environment) {
  const std::string path = ConfigPath(environment);
  ASSIGN_OR_RETURN(const config::v1::ClientConfig config, ReadClientConfig(path, environment));
  client::TokenClientOptions out;
  out.address = FirstSet(flags.broker, environment("SLUICE_BROKER"), config.broker());
  out.ca_file = FirstSet(flags.ca, environment("SLUICE_CA"), config.ca());
  if (out.address.empty()) {
    return Fail(absl::StatusCode::kInvalidArgument, "BROKER_UNSET",
                "which broker? give --broker HOST:PORT, set SLUICE_BROKER, or write `broker:` into " + path);
  }
  out.client_cert_file = flags.cert;
  out.client_key_file = flags.key.empty() ? flags.cert : flags.key;
  if (!flags.ticket_file.empty()) {
    ASSIGN_OR_RETURN(out.ticket, ReadProof("ticket", flags.ticket_file));
    return out;
  }
  const std::string jwt = FirstSet(flags.jwt_file, environment("SLUICE_JWT_FILE"), config.jwt_file());
  if (!jwt.empty()) {
    ASSIGN_OR_RETURN(out.jwt, ReadProof("JWT", jwt));
  }
  return out;
}

}  // namespace sluice::cli
