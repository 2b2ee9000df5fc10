// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/sealed_upload.h"

#include "common/base/status.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

class SealedUploadTest : public ::testing::Test {
 protected:
  SealedUpload Upload() const {
    SealedUpload out;
    out.set_bucket("b");
    out.set_key("uploads/alice/a.jpg");
    out.set_oss_upload_id("OSSID");
    out.set_owner_provider("app");
    out.set_owner_subject("alice");
    out.set_size_bytes(5);
    out.set_request_id("r1");
    out.set_ticket("secret-ticket");
    out.set_expires(std::chrono::floor<std::chrono::seconds>(clock_.Now() + std::chrono::hours(1))
                        .time_since_epoch()
                        .count());
    return out;
  }
  std::string Seal(const SealedUpload& upload) const { return SealUpload(upload, *ring_).value(); }
  absl::StatusOr<SealedUpload> Open(const std::string& id, const identity::Caller& caller) const {
    return OpenUpload(id, *ring_, caller, clock_.Now());
  }

  sluice::testing::FakeClock clock_;
  const std::shared_ptr<const crypto::SealingRing> ring_ = crypto::SealingRing::Ephemeral();
  const identity::Caller alice_{"app", "alice", {}};
};

TEST_F(SealedUploadTest, ItsOwnerFindsAllOfItAndNobodyCanReadIt) {
  const std::string id = Seal(Upload());
  const auto opened = Open(id, alice_);
  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->SerializeAsString(), Upload().SerializeAsString());
  EXPECT_LE(id.size(), kLongestUploadId);
}

TEST_F(SealedUploadTest, ToAnybodyElseItDoesNotExistInTheSameWordsAsAForgedOne) {
  const std::string id = Seal(Upload());
  const absl::Status forged = Open("AAAA", alice_).status();
  EXPECT_THAT(forged, FailsWith(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"));
  const identity::Caller anonymous{"app", "alice", {}, true};
  for (const identity::Caller& caller :
       {identity::Caller{"app", "bob", {}}, identity::Caller{"other", "alice", {}}, anonymous})
    EXPECT_EQ(Open(id, caller).status(), forged);
  std::string changed = id;
  changed[50] = changed[50] == 'A' ? 'B' : 'A';
  EXPECT_EQ(Open(changed, alice_).status(), forged);
  EXPECT_EQ(Open(std::string(kLongestUploadId + 1, 'A'), alice_).status(), forged);
  EXPECT_EQ(OpenUpload(id, *crypto::SealingRing::Ephemeral(), alice_, clock_.Now()).status(), forged);
}

TEST_F(SealedUploadTest, EndsInTime) {
  const std::string id = Seal(Upload());
  clock_.Advance(std::chrono::minutes(59));
  EXPECT_THAT(Open(id, alice_), IsOk());
  clock_.Advance(std::chrono::minutes(2));
  EXPECT_THAT(Open(id, alice_), FailsWith(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"));
}

TEST_F(SealedUploadTest, OfAnAnonymousCallerTheIdIsTheProof) {
  SealedUpload upload = Upload();
  upload.set_owner_subject("anonymous");
  upload.set_anonymous_id("0123456789abcdef");
  const std::string id = Seal(upload);
  EXPECT_THAT(Open(id, {"app", "anonymous", {}, true}), IsOk());
  EXPECT_FALSE(Open(id, {"app", "anonymous", {}}).ok()) << "somebody whose name that is";
}

TEST_F(SealedUploadTest, WhatWouldBeTooLongIsRefusedAtTheStart) {
  SealedUpload upload = Upload();
  (*upload.mutable_metadata())["note"] = std::string(6200, 'x');
  EXPECT_THAT(SealUpload(upload, *ring_), FailsWith(absl::StatusCode::kInvalidArgument, "METADATA_INVALID"));
}

TEST_F(SealedUploadTest, TheObjectsTokenIsOfOwnerKeyAndRequestAlone) {
  const std::string token = ObjectToken(Upload(), *ring_);
  EXPECT_EQ(token.size(), 32u);
  SealedUpload again = Upload();
  again.set_oss_upload_id("ANOTHER");
  again.set_ticket("t2");
  EXPECT_EQ(ObjectToken(again, *ring_), token);
  for (const auto set :
       {&SealedUpload::set_owner_subject<const char*>, &SealedUpload::set_bucket<const char*>,
        &SealedUpload::set_key<const char*>, &SealedUpload::set_request_id<const char*>}) {
    SealedUpload other = Upload();
    (other.*set)("other");
    EXPECT_NE(ObjectToken(other, *ring_), token);
  }
  EXPECT_NE(ObjectToken(Upload(), *crypto::SealingRing::Ephemeral()), token);
}

}  // namespace
}  // namespace sluice::gateway
