// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

// An error under construction: `return Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED",
// "...").With("bucket", bucket);` Becomes an absl::Status that carries a google.rpc.ErrorInfo (domain
// "sluice") and, where waiting helps, a google.rpc.RetryInfo.
class [[nodiscard]] Failure {
 public:
  Failure(absl::StatusCode code, std::string_view reason, std::string_view message);

  // Adds one metadata pair. Never a secret: it reaches the caller and the log.
  Failure&& With(std::string_view key, std::string_view value) &&;
  // Tells the caller to try again, not before `delay`.
  Failure&& RetryAfter(std::chrono::milliseconds delay) &&;

  operator absl::Status() &&;  // NOLINT(google-explicit-constructor): that is its purpose
  template <typename T>
  operator absl::StatusOr<T>() && {  // NOLINT(google-explicit-constructor)
    return static_cast<absl::Status>(std::move(*this));
  }

 private:
  absl::StatusCode code_;
  std::string reason_;
  std::string message_;
  std::map<std::string, std::string> metadata_;
  std::optional<std::chrono::milliseconds> retry_after_;
};

Failure Fail(absl::StatusCode code, std::string_view reason, std::string_view message);

// The stable reason; empty for a status that Fail did not build.
std::string Reason(const absl::Status& status);
std::map<std::string, std::string> Metadata(const absl::Status& status);
std::optional<std::chrono::milliseconds> RetryDelay(const absl::Status& status);

}  // namespace sluice
