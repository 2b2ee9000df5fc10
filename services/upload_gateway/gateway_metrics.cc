// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/gateway_metrics.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace sluice::gateway {
namespace {

constexpr std::array kMethodNames =
    std::to_array<std::string_view>({"StartUpload", "Upload", "GetUpload", "AbortUpload"});
constexpr std::array kVerbNames =
    std::to_array<std::string_view>({"put", "initiate", "part", "list_parts", "complete", "abort", "head"});
constexpr size_t kReasons = reasons::kUploadGateway.size();

}  // namespace

GatewayMetrics::GatewayMetrics()
    : received_(registry_.AddCounter("sluice_upload_received_bytes_total", "New payload from clients.")),
      stored_(registry_.AddCounter("sluice_upload_stored_bytes_total", "Payload made durable in OSS.")),
      parts_(registry_.AddCounter("sluice_upload_parts_total",
                                  "Parts, and objects of one request, made durable in OSS.")),
      dropped_(registry_.AddCounter("sluice_upload_dropped_bytes_total",
                                    "Payload that streams had taken and gave up; clients send it again.")),
      retried_(registry_.AddCounter("sluice_oss_retries_total", "Requests to OSS that were tried again.")),
      resumed_(registry_.AddCounter("sluice_upload_resumed_total",
                                    "Streams that went on with an upload that had bytes already.")),
      abandoned_(registry_.AddCounter("sluice_upload_abandoned_bytes_total",
                                      "Bytes in OSS of uploads whose stream here ended without the object.")),
      seconds_(registry_.AddHistogram(
          "sluice_upload_durable_seconds", "From a stream's beginning to its object.",
          {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600})) {
  for (size_t method = 0; method < kMethods; ++method) {
    const auto add = [&](std::string code, std::string reason) {
      return &registry_.AddCounter("sluice_requests_total",
                                   "Calls and streams ended, by method, status code and reason.",
                                   {{"method", std::string(kMethodNames[method])},
                                    {"code", std::move(code)},
                                    {"reason", std::move(reason)}});
    };
    for (size_t i = 0; i < kReasons; ++i) {
      const reasons::Entry& entry = reasons::kUploadGateway[i];
      called_[method][i] = add(absl::StatusCodeToString(entry.code), std::string(entry.reason));
    }
    called_[method][kReasons] = add("other", "other");
    called_[method][kReasons + 1] = add("OK", "");
  }
  for (size_t verb = 0; verb < kVerbs; ++verb) {
    oss_[verb] = &registry_.AddCounter("sluice_oss_requests_total", "Requests sent to OSS, retries included.",
                                       {{"operation", std::string(kVerbNames[verb])}});
  }
}

std::string_view GatewayMetrics::NameOf(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

void GatewayMetrics::Called(Method method, const absl::Status& outcome) {
  auto& counters = called_[static_cast<size_t>(method)];
  if (outcome.ok()) return counters[kReasons + 1]->Add();
  const std::string reason = Reason(rpc::Presentable(outcome));
  const auto found = std::find_if(reasons::kUploadGateway.begin(), reasons::kUploadGateway.end(),
                                  [&](const reasons::Entry& entry) { return entry.reason == reason; });
  counters[static_cast<size_t>(found - reasons::kUploadGateway.begin())]->Add();
}

void GatewayMetrics::Completed(std::chrono::nanoseconds took) {
  seconds_.Observe(std::chrono::duration<double>(took).count());
}

}  // namespace sluice::gateway
