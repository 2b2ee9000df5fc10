// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "common/aliyun/credential_profile.h"
#include "common/aliyun/credential_provider.h"
#include "common/base/clock.h"
#include "common/base/environment.h"
#include "common/http/client.h"

namespace sluice::aliyun {

// Whom profiles may ask.
struct CredentialServers {
  // Of STS, scheme and host each, in the order they are tried.
  std::vector<std::string> sts_endpoints;
  // Of instance metadata.
  std::string metadata_endpoint = "http://100.100.100.200";
};

// A key as a profile says. The first file that is there counts: the one that ALIBABA_CLOUD_CREDENTIALS_FILE
// names (INI), the one that ALIBABA_CLOUD_CONFIG_FILE names (the vendor's CLI), `~/.aliyun/config.json`
// unless ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true, `~/.alibabacloud/credentials`. ALIBABA_CLOUD_PROFILE
// names the profile. The file is read at each fetch.
class ProfileCredentials final : public CredentialProvider {
 public:
  // `client` and `clock` must outlive it.
  ProfileCredentials(Environment environment, http::Client& client, CredentialServers servers,
                     const Clock& clock)
      : environment_(std::move(environment)), client_(client), servers_(std::move(servers)), clock_(clock) {}
  std::string name() const override { return "profile"; }
  std::string description() const override { return description_; }
  absl::StatusOr<Credentials> Fetch(Deadline deadline, CancelToken cancel) override;

 private:
  struct File {
    std::string path;
    bool is_ini = false;
  };
  absl::StatusOr<File> Find() const;
  absl::StatusOr<Credentials> Follow(const CredentialProfile& profile, Deadline deadline,
                                     const CancelToken& cancel);

  const Environment environment_;
  http::Client& client_;
  const CredentialServers servers_;
  const Clock& clock_;
  std::string description_;
};

}  // namespace sluice::aliyun
