// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/rpc/call_context.h"
#include "common/telemetry/line_sink.h"
#include "services/upload_gateway/sealed_upload.h"

namespace sluice::gateway {

// One thing that happened to an upload. Holds no secret: an upload is named by a hash.
struct UploadEvent {
  Time time;
  // `start`, `complete`, `abort` or `refuse`.
  std::string what;
  std::string method;
  std::string request_id;
  std::string trace_id;
  // Numeric address.
  std::string peer;
  // Of a refusal.
  std::string reason;
  std::string provider;
  std::string subject;
  std::string grant;
  std::string bucket;
  std::string key;
  // Joins all lines of one upload: hex of a hash.
  std::string upload;
  std::optional<uint64_t> bytes;
  std::optional<uint64_t> crc64;
};

// What is known of a call, and of the upload, null where there is none. Pure.
UploadEvent BeginEvent(const char* what, std::string_view method, const rpc::CallContext& context,
                       const SealedUpload* upload, Time now);

// One JSON object without line breaks; fields that are empty are left out. Pure.
std::string EventLine(const UploadEvent& event);

inline absl::Status Record(telemetry::LineSink& audit, const UploadEvent& event) {
  return audit.Accept(EventLine(event), {});
}

}  // namespace sluice::gateway
