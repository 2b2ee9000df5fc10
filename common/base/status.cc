// SPDX-License-Identifier: Apache-2.0
#include "common/base/status.h"

#include <utility>

#include "absl/strings/cord.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "google/rpc/error_details.pb.h"

namespace sluice {
namespace {

constexpr char kErrorInfo[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kRetryInfo[] = "type.googleapis.com/google.rpc.RetryInfo";

template <typename Message>
std::optional<Message> Detail(const absl::Status& status, const char* type_url) {
  auto payload = status.GetPayload(type_url);
  Message message;
  if (!payload || !message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

}  // namespace

Failure::Failure(absl::StatusCode code, std::string_view reason, std::string_view message)
    : code_(code), reason_(reason), message_(ToUtf8(message)) {}

Failure&& Failure::With(std::string_view key, std::string_view value) && {
  // Bytes of a caller's own may be in it, and protobuf would refuse to read back what is not UTF-8.
  metadata_.insert_or_assign(ToUtf8(key), ToUtf8(value));
  return std::move(*this);
}

Failure&& Failure::RetryAfter(std::chrono::milliseconds delay) && {
  retry_after_ = delay;
  return std::move(*this);
}

Failure::operator absl::Status() && {
  absl::Status status(code_, message_);
  google::rpc::ErrorInfo info;
  info.set_reason(reason_);
  info.set_domain("sluice");
  for (const auto& [key, value] : metadata_) (*info.mutable_metadata())[key] = value;
  status.SetPayload(kErrorInfo, absl::Cord(info.SerializeAsString()));
  if (retry_after_) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(retry_after_->count() / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(retry_after_->count() % 1000) * 1'000'000);
    status.SetPayload(kRetryInfo, absl::Cord(retry.SerializeAsString()));
  }
  return status;
}

Failure Fail(absl::StatusCode code, std::string_view reason, std::string_view message) {
  return Failure(code, reason, message);
}

std::string Reason(const absl::Status& status) {
  auto info = Detail<google::rpc::ErrorInfo>(status, kErrorInfo);
  return info ? info->reason() : std::string();
}

std::map<std::string, std::string> Metadata(const absl::Status& status) {
  std::map<std::string, std::string> out;
  if (auto info = Detail<google::rpc::ErrorInfo>(status, kErrorInfo)) {
    for (const auto& [key, value] : info->metadata()) out[key] = value;
  }
  return out;
}

std::optional<std::chrono::milliseconds> RetryDelay(const absl::Status& status) {
  auto retry = Detail<google::rpc::RetryInfo>(status, kRetryInfo);
  if (!retry) return std::nullopt;
  return std::chrono::seconds(retry->retry_delay().seconds()) +
         std::chrono::milliseconds(retry->retry_delay().nanos() / 1'000'000);
}

}  // namespace sluice
