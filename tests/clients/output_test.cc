// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output.h"

#include "common/base/status.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using ::testing::HasSubstr;

TEST(ExitCodeTest, SaysWhatACallerShouldDo) {
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCode(Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED", "")), 1);
  EXPECT_EQ(ExitCode(Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID", "")), 1);
  EXPECT_EQ(ExitCode(Fail(absl::StatusCode::kInvalidArgument, "BROKER_UNSET", "")), 2);
  EXPECT_EQ(ExitCode(Fail(absl::StatusCode::kUnavailable, "BROKER_UNREACHABLE", "")), 75);
  EXPECT_EQ(ExitCode(Fail(absl::StatusCode::kResourceExhausted, "STS_THROTTLED", "")), 75);
  EXPECT_EQ(ExitCode(Fail(absl::StatusCode::kCancelled, "CALL_CANCELLED", "")), 130);
}

TEST(ErrorTextTest, NamesReasonMetadataAndWait) {
  const std::string text = ErrorText(Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "down")
                                         .With("k", "v")
                                         .RetryAfter(std::chrono::milliseconds(1500)));

  EXPECT_EQ(text, "sluice: STS_UNREACHABLE: down\n  k: v\n  try again in 2 s\n");
}

TEST(EnvTextTest, EveryValueIsOneWordOfTheShell) {
  token::v1::IssueTokenResponse token;
  token.mutable_credentials()->set_access_key_secret("a'b $(touch x)");
  token.mutable_scope()->set_prefix("uploads/a/");
  token.mutable_expire_time()->set_seconds(1767225600);
  const std::string text = EnvText(token);

  EXPECT_THAT(text, HasSubstr("export OSS_ACCESS_KEY_SECRET='a'\\''b $(touch x)'\n"));
  EXPECT_THAT(text, HasSubstr("export SLUICE_PREFIX='uploads/a/'\n"));
  EXPECT_THAT(text, HasSubstr("export SLUICE_EXPIRES='2026-01-01T00:00:00Z'\n"));
}

TEST(ContentTypeOfTest, GoesByTheEndOfTheName) {
  EXPECT_EQ(ContentTypeOf("a.JPG"), "image/jpeg");
  EXPECT_EQ(ContentTypeOf("a.tar.gz"), "application/octet-stream");
  EXPECT_EQ(ContentTypeOf("noend"), "application/octet-stream");
}

}  // namespace
}  // namespace sluice::cli
