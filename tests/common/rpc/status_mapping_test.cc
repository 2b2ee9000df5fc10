// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/status_mapping.h"

#include "common/base/json.h"
#include "common/base/status.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace sluice::rpc {
namespace {

TEST(ToGrpcTest, CarriesReasonMetadataAndRetry) {
  const grpc::Status status = ToGrpc(Fail(absl::StatusCode::kResourceExhausted, "STS_THROTTLED", "wait")
                                         .With("grant", "photos")
                                         .RetryAfter(std::chrono::seconds(2)));

  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "wait");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::ErrorInfo info;
  google::rpc::RetryInfo retry;
  for (const auto& detail : details.details()) {
    if (detail.Is<google::rpc::ErrorInfo>()) detail.UnpackTo(&info);
    if (detail.Is<google::rpc::RetryInfo>()) detail.UnpackTo(&retry);
  }
  EXPECT_EQ(info.reason(), "STS_THROTTLED");
  EXPECT_EQ(info.domain(), "sluice");
  EXPECT_EQ(info.metadata().at("grant"), "photos");
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
}

TEST(ToGrpcTest, AFaultOfOursSaysNothingAboutTheInside) {
  const grpc::Status status = ToGrpc(absl::UnknownError("password=hunter2"));

  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(status.error_message().find("hunter2"), std::string::npos);
  EXPECT_EQ(status.error_details().find("hunter2"), std::string::npos);
}

TEST(ErrorJsonTest, HasTheSamePartsAsTheGrpcError) {
  const auto body =
      ParseJson(ErrorJson(Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "a \"quoted\" text")
                              .With("k", "v")
                              .RetryAfter(std::chrono::milliseconds(1500)),
                          "r1"))
          .value();

  EXPECT_EQ(body.at("code").as_string(), "UNAVAILABLE");
  EXPECT_EQ(body.at("reason").as_string(), "STS_UNREACHABLE");
  EXPECT_EQ(body.at("message").as_string(), "a \"quoted\" text");
  EXPECT_EQ(body.at("metadata").at("k").as_string(), "v");
  EXPECT_EQ(body.at("requestId").as_string(), "r1");
  EXPECT_EQ(body.at("retryAfterSeconds").as_int64(), 2);
}

}  // namespace
}  // namespace sluice::rpc
