// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/doctor.h"

#include "common/base/timers.h"
#include "common/http/curl_client.h"
#include "services/token_broker/aliyun_sts.h"
#include "services/token_broker/doctor_endpoints.h"
#include "services/token_broker/doctor_roles.h"
#include "services/token_broker/own_key.h"

namespace sluice::broker {
namespace {

// Findings say it all.
class Silence final : public telemetry::Log {
 public:
  void Write(telemetry::Severity, std::string_view, boost::json::object) override {}
};

}  // namespace

std::vector<Finding> Examine(const Patient& patient) {
  std::vector<Finding> findings;
  const std::string endpoint = ExamineEndpoints(patient, findings);
  if (endpoint.empty()) {
    findings.push_back(
        {Verdict::kSkipped, "trust", "", "no endpoint of STS took the key, so no role was assumed", ""});
    return findings;
  }
  const auto sts = patient.sts_at(endpoint);
  ExamineRoles(patient, *sts, findings);
  return findings;
}

std::vector<Finding> ExamineBroker(const Settings& settings, const Environment& environment,
                                   const Clock& clock) {
  Silence silence;
  ThreadTimers timers;
  const auto key_client = MakeKeyClient();
  const auto client = http::MakeCurlClient({});
  auto own = OpenOwnKey(settings, environment, *key_client, clock, timers, silence);
  Patient patient{settings, aliyun::OwnKeyState(), nullptr, *client, clock, nullptr};
  if (!own.ok()) {
    patient.key = own.status();
  } else {
    patient.key = (*own)->State();
    if ((*own)->Current() != nullptr) patient.own = own->get();
    patient.sts_at = [&](const std::string& endpoint) {
      return std::make_unique<AliyunSts>(*client, endpoint, **own, clock);
    };
  }
  return Examine(patient);
}

}  // namespace sluice::broker
