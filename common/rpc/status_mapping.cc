// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/status_mapping.h"

#include "absl/strings/cord.h"
#include "boost/json.hpp"
#include "common/base/status.h"
#include "common/base/text.h"
#include "google/rpc/status.pb.h"

namespace sluice::rpc {
absl::Status Presentable(const absl::Status& status) {
  if (!Reason(status).empty()) return status;
  if (status.code() == absl::StatusCode::kCancelled)
    return Fail(status.code(), "CALL_CANCELLED", "the caller no longer waits");
  return Fail(absl::StatusCode::kInternal, "INTERNAL_ERROR",
              "an unexpected fault inside the service; report it with the request id");
}

grpc::Status ToGrpc(const absl::Status& given) {
  if (given.ok()) return grpc::Status::OK;
  const absl::Status status = Presentable(given);
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(FromAbsl(status.message())));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    auto& detail = *details.add_details();
    detail.set_type_url(std::string(FromAbsl(type)));
    detail.set_value(std::string(payload));
  });
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

absl::Status FromGrpc(const grpc::Status& from) {
  absl::Status status(static_cast<absl::StatusCode>(from.error_code()), from.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(from.error_details())) return status;
  for (const auto& detail : details.details())
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  return status;
}

int HttpStatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return 409;
    case absl::StatusCode::kFailedPrecondition:
      return 412;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

std::string ErrorJson(const absl::Status& given, std::string_view request_id) {
  const absl::Status status = Presentable(given);
  boost::json::object metadata;
  for (const auto& [key, value] : Metadata(status)) metadata[key] = value;
  boost::json::object body{{"code", absl::StatusCodeToString(status.code())},
                           {"reason", Reason(status)},
                           {"message", std::string(FromAbsl(status.message()))},
                           {"metadata", std::move(metadata)},
                           {"requestId", std::string(request_id)}};
  if (const auto delay = RetryDelay(status))
    body["retryAfterSeconds"] = std::chrono::ceil<std::chrono::seconds>(*delay).count();
  return boost::json::serialize(body);
}

}  // namespace sluice::rpc
