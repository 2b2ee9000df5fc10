// SPDX-License-Identifier: Apache-2.0
#include "common/base/status.h"

#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using testing::FailsWith;

TEST(FailTest, CarriesReasonMetadataAndDelay) {
  absl::Status status = Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "no answer")
                            .With("endpoint", "sts")
                            .RetryAfter(std::chrono::milliseconds(1500));

  EXPECT_THAT(status, FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_EQ(Metadata(status).at("endpoint"), "sts");
  EXPECT_EQ(RetryDelay(status), std::chrono::milliseconds(1500));
}

TEST(FailTest, PlainStatusHasNoReason) {
  absl::Status status = absl::InternalError("x");

  EXPECT_EQ(Reason(status), "");
  EXPECT_EQ(RetryDelay(status), std::nullopt);
}

TEST(FailTest, BecomesAStatusOr) {
  absl::StatusOr<int> result = Fail(absl::StatusCode::kNotFound, "NO", "no");

  EXPECT_THAT(result, FailsWith(absl::StatusCode::kNotFound, "NO"));
}

// Found by fuzzing: the reason was lost with the rest of the details.
TEST(StatusTest, BytesThatAreNoTextDoNotHideTheReason) {
  const absl::Status status =
      Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID", "bad \xFF").With("field", "\xC0\xAE");
  EXPECT_EQ(Reason(status), "PATH_INVALID");
  EXPECT_EQ(Metadata(status).at("field"), "??");
}

}  // namespace
}  // namespace sluice
