// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/reasons/upload_gateway.h"
#include "common/telemetry/metrics.h"
#include "services/upload_gateway/oss_access.h"

namespace sluice::gateway {

// What the gateway counts. Every label takes values of a fixed set. Thread-safe; counting takes no lock.
class GatewayMetrics {
 public:
  enum class Method { kStartUpload, kUpload, kGetUpload, kAbortUpload };

  // As the proto writes it.
  static std::string_view NameOf(Method method);

  GatewayMetrics();

  // A call or stream has ended, as its caller sees the outcome. Reasons of the broker count as `other`.
  void Called(Method method, const absl::Status& outcome);
  // Payload that was new, from clients, and made durable in OSS.
  void Received(uint64_t bytes) { received_.Add(bytes); }
  void Stored(uint64_t bytes) {
    parts_.Add();
    stored_.Add(bytes);
  }
  // Payload that a stream had taken and gave up, so that its client sends it again.
  void Dropped(uint64_t bytes) { dropped_.Add(bytes); }
  void OssAsked(OssVerb verb) { oss_[static_cast<size_t>(verb)]->Add(); }
  void Retried() { retried_.Add(); }
  // A stream went on with an upload that had bytes already.
  void Resumed() { resumed_.Add(); }
  // A stream ended without its object; what is in OSS of it.
  void Abandoned(uint64_t bytes) { abandoned_.Add(bytes); }
  // An object exists; `took` from the stream's beginning.
  void Completed(std::chrono::nanoseconds took);

  // For gauges of other parts.
  telemetry::Metrics& registry() { return registry_; }
  std::string Text() const { return registry_.Text(); }

 private:
  static constexpr size_t kMethods = 4;
  static constexpr size_t kVerbs = 7;
  telemetry::Metrics registry_;
  // By method and place in the table of reasons; then those of other tables, and good ones.
  std::array<std::array<telemetry::Counter*, reasons::kUploadGateway.size() + 2>, kMethods> called_;
  std::array<telemetry::Counter*, kVerbs> oss_;
  telemetry::Counter& received_;
  telemetry::Counter& stored_;
  telemetry::Counter& parts_;
  telemetry::Counter& dropped_;
  telemetry::Counter& retried_;
  telemetry::Counter& resumed_;
  telemetry::Counter& abandoned_;
  telemetry::Histogram& seconds_;
};

}  // namespace sluice::gateway
