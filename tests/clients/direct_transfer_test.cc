// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/direct_transfer.h"

#include <filesystem>

#include "tests/support/fake_object_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::client {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::FakeObjectStore;
using sluice::testing::IsOk;

absl::Status Down() { return Fail(absl::StatusCode::kUnavailable, "OSS_UNAVAILABLE", "x"); }
absl::Status Denied() { return Fail(absl::StatusCode::kPermissionDenied, "OSS_ACCESS_DENIED", "x"); }

class DirectTransferTest : public ::testing::Test {
 protected:
  DirectTransferTest() {
    options_.part_bytes = 1024 * 1024;
    options_.pause = std::chrono::milliseconds(1);
  }
  absl::StatusOr<aliyun::ObjectInfo> Upload(const std::string& text, CancelToken cancel = {}) {
    return UploadFile(store_, dir_.Write("from", text), "k", options_, cancel);
  }
  static std::string Big() {
    std::string out(3 * 1024 * 1024 + 17, 'a');
    for (size_t i = 0; i < out.size(); i += 101) out[i] = static_cast<char>(i);
    return out;
  }

  sluice::testing::TempDir dir_;
  FakeObjectStore store_;
  TransferOptions options_;
};

TEST_F(DirectTransferTest, SmallFilesAreOneRequest) {
  for (const std::string& text : {std::string(), std::string("x"), std::string(1024 * 1024, 'y')}) {
    store_.calls = 0;
    ASSERT_THAT(Upload(text), IsOk());
    EXPECT_EQ(store_.objects["k"], text);
    EXPECT_EQ(store_.calls, 1);
  }
}

TEST_F(DirectTransferTest, LargeFilesGoInPartsAndArriveWhole) {
  uint64_t last = 0;
  options_.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, Big().size());
    last = done;
  };

  const auto info = Upload(Big());

  ASSERT_THAT(info, IsOk());
  EXPECT_EQ(info->size, Big().size());
  EXPECT_EQ(store_.objects["k"], Big());
  EXPECT_EQ(store_.calls, 5);
  EXPECT_EQ(last, Big().size());
}

TEST_F(DirectTransferTest, WhatWaitingMendsIsTriedAgain) {
  store_.failures = {Down(), Down(), absl::OkStatus(), Down()};

  ASSERT_THAT(Upload(Big()), IsOk());
  EXPECT_EQ(store_.objects["k"], Big());
  EXPECT_EQ(store_.aborted, 0);
}

TEST_F(DirectTransferTest, WhatWaitingCannotMendEndsAtOnceAndIsAborted) {
  store_.failures = {absl::OkStatus(), Denied()};

  EXPECT_THAT(Upload(Big()), FailsWith(absl::StatusCode::kPermissionDenied, "OSS_ACCESS_DENIED"));
  EXPECT_EQ(store_.aborted, 1);
  EXPECT_FALSE(store_.objects.contains("k"));
}

TEST_F(DirectTransferTest, AttemptsAreCounted) {
  store_.failures = {Down(), Down(), Down(), Down(), Down()};

  EXPECT_THAT(Upload("x"), FailsWith(absl::StatusCode::kUnavailable, "OSS_UNAVAILABLE"));
  EXPECT_EQ(store_.calls, options_.attempts);
}

TEST_F(DirectTransferTest, OtherBytesAtOssAreDataLoss) {
  store_.wrong_crc = true;
  store_.objects["k"] = "text";

  EXPECT_THAT(Upload("x"), FailsWith(absl::StatusCode::kDataLoss, "CRC_MISMATCH"));
  EXPECT_THAT(Upload(Big()), FailsWith(absl::StatusCode::kDataLoss, "CRC_MISMATCH"));
  EXPECT_THAT(DownloadFile(store_, "k", dir_.Path("to"), options_, {}),
              FailsWith(absl::StatusCode::kDataLoss, "CRC_MISMATCH"));
  EXPECT_FALSE(std::filesystem::exists(dir_.Path("to")));
}

TEST_F(DirectTransferTest, CancelEndsAndAborts) {
  CancelSource source;
  options_.progress = [&](uint64_t, uint64_t) { source.Cancel(); };
  options_.parallel = 1;

  EXPECT_THAT(Upload(Big(), source.token()), FailsWith(absl::StatusCode::kCancelled, "CALL_CANCELLED"));
  EXPECT_EQ(store_.aborted, 1);
}

TEST_F(DirectTransferTest, FilesThatAreNoneAreSaid) {
  EXPECT_THAT(UploadFile(store_, dir_.Path("absent"), "k", options_, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FILE_UNREADABLE"));
  EXPECT_THAT(UploadFile(store_, "/dev/null", "k", options_, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FILE_UNREADABLE"));
  EXPECT_THAT(DownloadFile(store_, "k", dir_.Path("no/such/dir"), options_, {}),
              FailsWith(absl::StatusCode::kInvalidArgument, "FILE_UNWRITABLE"));
}

TEST_F(DirectTransferTest, ADownloadStartsAnewAfterAFailureAndLeavesNothingHalf) {
  store_.objects["k"] = "hello";
  store_.failures = {Down()};
  ASSERT_THAT(DownloadFile(store_, "k", dir_.Path("to"), options_, {}), IsOk());
  EXPECT_EQ(dir_.Read("to"), "hello");

  store_.failures = {Denied()};
  dir_.Write("kept", "old");
  EXPECT_THAT(DownloadFile(store_, "k", dir_.Path("kept"), options_, {}),
              FailsWith(absl::StatusCode::kPermissionDenied, "OSS_ACCESS_DENIED"));
  EXPECT_EQ(dir_.Read("kept"), "old");
  const auto entries = std::filesystem::directory_iterator(dir_.Path(""));
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 2);
}

}  // namespace
}  // namespace sluice::client
