// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/own_key.h"

#include "common/aliyun/credential_answer.h"
#include "common/http/curl_client.h"

namespace sluice::broker {

std::unique_ptr<http::Client> MakeKeyClient() {
  return http::MakeCurlClient({"", aliyun::kLargestCredentialAnswer, std::chrono::seconds(2)});
}

absl::StatusOr<std::unique_ptr<aliyun::RefreshedCredentials>> OpenOwnKey(const Settings& settings,
                                                                         const Environment& environment,
                                                                         http::Client& client,
                                                                         const Clock& clock, Timers& timers,
                                                                         telemetry::Log& log) {
  return aliyun::RefreshedCredentials::Start(
      aliyun::MakeCredentialChain(settings.credential_chain, environment, client,
                                  {settings.sts_endpoints, settings.metadata_endpoint}, clock),
      [development = settings.development](const aliyun::Credentials& key) {
        return CheckOwnKey(key.access_key_id, development);
      },
      clock, timers, log);
}

}  // namespace sluice::broker
