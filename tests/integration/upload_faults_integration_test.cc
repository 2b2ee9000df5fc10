// SPDX-License-Identifier: Apache-2.0
// Uploads through the gateway while OSS, or the way to it, is in trouble.
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/crypto/crc64.h"
#include "tests/support/gateway_stack.h"
#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::GatewayStack;
using sluice::testing::IsOk;
using sluice::testing::UploadBytes;
using sluice::testing::UploadCall;

class UploadFaultsTest : public ::testing::Test {
 protected:
  void Arm(const std::string& query) {
    ASSERT_TRUE(stack_.sandbox().faults().Arm("service=oss&" + query).ok()) << query;
  }
  absl::StatusOr<upload::v1::UploadedObject> Put(const std::string& path, const std::string& bytes,
                                                 bool declared, bool overwrite = true) {
    UploadCall call(*stub_, alice_);
    call.Start(path, declared ? std::optional<uint64_t>(bytes.size()) : std::nullopt, overwrite);
    for (size_t at = 0; at < bytes.size(); at += 1 << 20) {
      if (!call.Chunk(at, bytes.substr(at, 1 << 20))) break;
    }
    call.Finish(crypto::Crc64(bytes));
    return call.Await();
  }
  uint64_t Calls(const std::string& path, const std::string& operation) {
    return stack_.sandbox().oss_stats().ReadKey("uploads/alice/" + path)[operation].calls;
  }

  GatewayStack stack_;
  std::unique_ptr<upload::v1::UploadGateway::Stub> stub_ = stack_.Stub();
  const std::string alice_ = stack_.Mint("alice");
};

// Every class of offset: before the request is read, inside its body, after it took effect, and inside the
// answer.
const char* const kCuts[] = {"kind=reset",
                             "kind=body-reset&value=0",
                             "kind=body-reset&value=70000",
                             "kind=lost",
                             "kind=cut&value=0",
                             "kind=cut&value=9",
                             "kind=cut&value=100",
                             "kind=cut&value=330",
                             "kind=callback-failed",
                             "kind=error&value=500",
                             "kind=throttle&value=0",
                             "kind=garbage&value=html"};

TEST_F(UploadFaultsTest, AConnectionCutAnywhereIsOneSuccessAndOneObject) {
  const std::string small = UploadBytes(300'000);
  const std::string large = UploadBytes((5 << 20) + 11);
  int number = 0;
  for (const char* operation : {"put", "initiate", "part", "complete"}) {
    for (const char* cut : kCuts) {
      for (const bool overwrite : {true, false}) {
        const bool one = std::string(operation) == "put";
        const std::string path = "cut/" + std::to_string(number++);
        const std::string& bytes = one ? small : large;
        Arm(std::string(cut) + "&count=1&operation=" + operation);
        const auto object = Put(path, bytes, one, overwrite);
        const std::string what = std::string(operation) + " " + cut + (overwrite ? "" : ", not to overwrite");
        ASSERT_THAT(object, IsOk()) << what;
        EXPECT_EQ(object->size_bytes(), bytes.size()) << what;
        EXPECT_EQ(object->crc64(), crypto::Crc64(bytes)) << what;
        EXPECT_TRUE(object->whole_object_verified()) << what;
        EXPECT_TRUE(stack_.ObjectOf("alice", path) == bytes) << what;
        for (const auto& line : stack_.sandbox().faults().List()) EXPECT_EQ(line.struck, 1u) << what;
        stack_.sandbox().faults().Clear();
      }
    }
  }
}

TEST_F(UploadFaultsTest, AnErrorBehindASuccessOfCompleteIsSeen) {
  const std::string bytes = UploadBytes(5 << 20);
  Arm("kind=error-body&operation=complete&count=1");
  const auto object = Put("behind", bytes, false);
  ASSERT_THAT(object, IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "behind") == bytes);
}

TEST_F(UploadFaultsTest, APartThatOssStoredOtherwiseIsSentAgainAndThenRefused) {
  const std::string bytes = UploadBytes(5 << 20);
  Arm("kind=wrong-crc&operation=part&count=1");
  EXPECT_THAT(Put("spoiled-once", bytes, false), IsOk());
  Arm("kind=wrong-crc&operation=put");
  EXPECT_THAT(Put("spoiled", UploadBytes(1000), true).status(),
              FailsWith(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH"));
}

TEST_F(UploadFaultsTest, AfterAResumeWithoutSumsOnlyTheClientsOwnSettlesTheWhole) {
  const std::string bytes = UploadBytes(2 << 20);
  for (const bool client_knows : {true, false}) {
    const std::string path = std::string("blind-") + (client_knows ? "settled" : "open");
    std::string id;
    {
      UploadCall call(*stub_, alice_);
      call.Start(path, std::nullopt);
      ASSERT_TRUE(call.Read());
      id = call.upload_id();
      ASSERT_TRUE(call.Chunk(0, bytes.substr(0, 1 << 20)));
      ASSERT_TRUE(call.AwaitCommitted(1 << 20));
      call.Leave();
    }
    Arm("kind=no-part-crc&operation=list_parts");
    UploadCall again(*stub_, alice_);
    again.Resume(id);
    again.Chunk(1 << 20, bytes.substr(1 << 20));
    again.Finish(client_knows ? std::optional<uint64_t>(crypto::Crc64(bytes)) : std::nullopt);
    const auto object = again.Await();
    ASSERT_THAT(object, IsOk());
    EXPECT_EQ(object->whole_object_verified(), client_knows);
    EXPECT_TRUE(stack_.ObjectOf("alice", path) == bytes);
    stack_.sandbox().faults().Clear();
  }
}

TEST_F(UploadFaultsTest, WhatCannotBeLearnedIsNeverGuessed) {
  // The answer is lost, and whether the object is there cannot be asked.
  Arm("kind=lost&operation=put&count=1");
  Arm("kind=error&value=500&operation=head");
  EXPECT_THAT(Put("unknown", "bytes", true, false).status(),
              FailsWith(absl::StatusCode::kUnavailable, "COMPLETION_UNCONFIRMED"));
  stack_.sandbox().faults().Clear();
  EXPECT_EQ(stack_.ObjectOf("alice", "unknown"), "bytes");
}

TEST_F(UploadFaultsTest, ASmallObjectCostsOneRequestAndALargeOneFew) {
  ASSERT_THAT(Put("two-mib", UploadBytes(2 << 20), true), IsOk());
  EXPECT_EQ(Calls("two-mib", "put"), 1u);
  EXPECT_EQ(Calls("two-mib", "head"), 0u);
  EXPECT_EQ(Calls("two-mib", "initiate"), 0u);
  ASSERT_THAT(Put("twelve-mib", UploadBytes(12 << 20), true), IsOk());
  EXPECT_EQ(Calls("twelve-mib", "initiate"), 1u);
  EXPECT_EQ(Calls("twelve-mib", "complete"), 1u);
  EXPECT_LE(Calls("twelve-mib", "part"), 48u);
  EXPECT_EQ(Calls("twelve-mib", "head"), 0u);
}

TEST_F(UploadFaultsTest, AnotherCallersIdCostsOssNothing) {
  UploadCall call(*stub_, alice_);
  call.Start("mine", std::nullopt);
  ASSERT_TRUE(call.Read());
  stack_.sandbox().oss_stats().Reset();
  const std::string bob = stack_.Mint("bob");
  for (const std::string& id : {call.upload_id(), std::string("no such upload")}) {
    UploadCall theirs(*stub_, bob);
    theirs.Resume(id);
    EXPECT_THAT(theirs.Await().status(), FailsWith(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"));
  }
  EXPECT_TRUE(stack_.sandbox().oss_stats().Read().empty());
  call.Leave();
}

}  // namespace
}  // namespace sluice
