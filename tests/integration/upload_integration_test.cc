// SPDX-License-Identifier: Apache-2.0
// Uploads through the gateway: real gRPC, the real broker, the sandbox's OSS.
#include <gtest/gtest.h>

#include <random>
#include <thread>

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

class UploadIntegrationTest : public ::testing::Test {
 protected:
  // The whole of `bytes` in chunks of random sizes up to `most`.
  absl::StatusOr<upload::v1::UploadedObject> Put(const std::string& path, const std::string& bytes,
                                                 bool declared, size_t most) {
    auto stub = stack_.Stub();
    UploadCall call(*stub, alice_);
    call.Start(path, declared ? std::optional<uint64_t>(bytes.size()) : std::nullopt);
    std::minstd_rand random(static_cast<unsigned>(bytes.size() + most));
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = std::min(bytes.size() - at, 1 + random() % most);
      if (!call.Chunk(at, bytes.substr(at, size))) break;
      at += size;
    }
    call.Finish(crypto::Crc64(bytes));
    return call.Await();
  }

  // A first slot, which a fault that was armed holds up on its way to OSS.
  void SendSlotThatStalls(UploadCall& call, const std::string& path) {
    call.Start(path, std::nullopt);
    ASSERT_TRUE(call.Read());
    ASSERT_TRUE(call.Chunk(0, std::string(256 * 1024, 'a')));
    while (stack_.sandbox().faults().List().front().struck == 0) std::this_thread::yield();
  }

  GatewayStack stack_{{.replicas = 2}};
  const std::string alice_ = stack_.Mint("alice");
};

TEST_F(UploadIntegrationTest, EverySizeArrivesByteForByteWithOneCrcAtClientGatewayAndOss) {
  constexpr size_t kKiB = 1024;
  constexpr size_t kMiB = 1024 * kKiB;
  for (const size_t size : {size_t{0}, size_t{1}, 255 * kKiB, 256 * kKiB - 1, 256 * kKiB, 256 * kKiB + 1,
                            4 * kMiB - 1, 4 * kMiB, 4 * kMiB + 1, 5 * kMiB}) {
    for (const bool declared : {true, false}) {
      const std::string bytes = UploadBytes(size);
      const std::string path = "size/" + std::to_string(size) + (declared ? "" : "-unknown");
      const auto object = Put(path, bytes, declared, size == 1 ? 1 : 300 * kKiB);
      ASSERT_THAT(object, IsOk()) << path;
      EXPECT_EQ(object->size_bytes(), size);
      EXPECT_EQ(object->crc64(), crypto::Crc64(bytes)) << path;
      EXPECT_TRUE(object->whole_object_verified());
      EXPECT_EQ(object->key(), "uploads/alice/" + path);
      EXPECT_TRUE(stack_.ObjectOf("alice", path) == bytes) << path;
      EXPECT_EQ(http::FindHeader(stack_.HeadOf("alice", path), "x-oss-hash-crc64ecma"),
                std::to_string(crypto::Crc64(bytes)));
      EXPECT_EQ(http::FindHeader(stack_.HeadOf("alice", path), "ETag"), object->etag());
    }
  }
}

TEST_F(UploadIntegrationTest, ChunksOfOneByteAndOfTheLargestSizeMakeTheSameObject) {
  const std::string few = UploadBytes(3000);
  ASSERT_THAT(Put("tiny-chunks", few, false, 1), IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "tiny-chunks") == few);
  const std::string many = UploadBytes((13 << 20) + 5);
  ASSERT_THAT(Put("large-chunks", many, true, 4 << 20), IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "large-chunks") == many);
}

TEST_F(UploadIntegrationTest, AStreamThatIsCutGoesOnWhereItsPartsEnd) {
  const std::string bytes = UploadBytes(3 << 20);
  auto stub = stack_.Stub();
  std::string id;
  uint64_t kept = 0;
  {
    UploadCall call(*stub, alice_);
    call.Start("cut", std::nullopt);
    ASSERT_TRUE(call.Read());
    id = call.upload_id();
    ASSERT_TRUE(call.Chunk(0, bytes.substr(0, 600 * 1024)));
    ASSERT_TRUE(call.AwaitCommitted(512 * 1024));
    kept = call.committed();
    call.Leave();
  }
  EXPECT_EQ(kept, 512u * 1024);
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + alice_);
    upload::v1::GetUploadRequest ask;
    ask.set_upload_id(id);
    upload::v1::GetUploadResponse answer;
    ASSERT_TRUE(stub->GetUpload(&context, ask, &answer).ok());
    EXPECT_EQ(answer.committed_bytes(), kept);
    EXPECT_EQ(answer.state(), upload::v1::UPLOAD_STATE_OPEN);
  }
  UploadCall again(*stub, alice_);
  again.Resume(id);
  ASSERT_TRUE(again.Read());
  EXPECT_EQ(again.committed(), kept);
  // Bytes sent again are skipped; a gap is refused elsewhere.
  again.Chunk(kept - 1000, bytes.substr(kept - 1000));
  again.Finish(crypto::Crc64(bytes));
  const auto object = again.Await();
  ASSERT_THAT(object, IsOk());
  EXPECT_TRUE(object->whole_object_verified());
  EXPECT_TRUE(stack_.ObjectOf("alice", "cut") == bytes);

  // Finished twice: the same object.
  UploadCall twice(*stub, alice_);
  twice.Resume(id);
  const auto same = twice.Await();
  ASSERT_THAT(same, IsOk());
  EXPECT_EQ(same->etag(), object->etag());
  EXPECT_EQ(same->size_bytes(), bytes.size());
}

TEST_F(UploadIntegrationTest, AnotherCallersUploadDoesNotExist) {
  auto stub = stack_.Stub();
  UploadCall call(*stub, alice_);
  call.Start("mine", std::nullopt);
  ASSERT_TRUE(call.Read());
  const std::string bob = stack_.Mint("bob");
  for (const std::string& id : {call.upload_id(), std::string("forged"), std::string()}) {
    UploadCall theirs(*stub, bob);
    theirs.Resume(id);
    EXPECT_THAT(theirs.Await().status(), FailsWith(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"));
    grpc::ClientContext get;
    get.AddMetadata("authorization", "Bearer " + bob);
    upload::v1::GetUploadRequest ask;
    ask.set_upload_id(id);
    upload::v1::GetUploadResponse answer;
    EXPECT_EQ(stub->GetUpload(&get, ask, &answer).error_code(), grpc::StatusCode::NOT_FOUND);
    grpc::ClientContext abort;
    abort.AddMetadata("authorization", "Bearer " + bob);
    upload::v1::AbortUploadRequest end;
    end.set_upload_id(id);
    upload::v1::AbortUploadResponse ended;
    EXPECT_EQ(stub->AbortUpload(&abort, end, &ended).error_code(), grpc::StatusCode::NOT_FOUND);
  }
  call.Chunk(0, "still alive");
  call.Finish();
  EXPECT_THAT(call.Await(), IsOk());
}

TEST_F(UploadIntegrationTest, WhatIsWrongIsRefusedWithItsReasonBeforeItCosts) {
  auto stub = stack_.Stub();
  const auto refused = [&](const std::string& jwt, const std::function<void(UploadCall&)>& send) {
    UploadCall call(*stub, jwt);
    send(call);
    return call.Await().status();
  };
  using absl::StatusCode;
  EXPECT_THAT(refused("", [](UploadCall& call) { call.Start("x", 1); }),
              FailsWith(StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  EXPECT_THAT(refused("nonsense", [](UploadCall& call) { call.Start("x", 1); }),
              FailsWith(StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
  // The broker's own audience is not the gateway's.
  EXPECT_THAT(refused(stack_.broker_stack().Mint("alice"), [](UploadCall& call) { call.Start("x", 1); }),
              FailsWith(StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
  EXPECT_THAT(refused(alice_, [](UploadCall& call) { call.Start("a/", 1); }),
              FailsWith(StatusCode::kInvalidArgument, "PATH_INVALID"));
  EXPECT_THAT(refused(alice_, [](UploadCall& call) { call.Start("../bob/x", 1); }),
              FailsWith(StatusCode::kInvalidArgument, "PATH_INVALID"));
  EXPECT_THAT(refused(alice_, [](UploadCall& call) { call.Start("x*", 1); }),
              FailsWith(StatusCode::kInvalidArgument, "PATH_INVALID"));
  EXPECT_THAT(refused(alice_, [](UploadCall& call) { call.Chunk(0, "no start"); }),
              FailsWith(StatusCode::kInvalidArgument, "REQUEST_MALFORMED"));
  EXPECT_THAT(refused(alice_,
                      [](UploadCall& call) {
                        call.Start("x", 10);
                        call.Chunk(5, "gap");
                      }),
              FailsWith(StatusCode::kOutOfRange, "OFFSET_GAP"));
  EXPECT_THAT(refused(alice_,
                      [](UploadCall& call) {
                        call.Start("x", 3);
                        call.Chunk(0, "four");
                      }),
              FailsWith(StatusCode::kOutOfRange, "SIZE_EXCEEDED"));
  EXPECT_THAT(refused(alice_,
                      [](UploadCall& call) {
                        call.Start("x", 3);
                        call.Chunk(0, "tw");
                        call.Finish();
                      }),
              FailsWith(StatusCode::kOutOfRange, "SIZE_UNMET"));
  EXPECT_THAT(refused(alice_,
                      [](UploadCall& call) {
                        call.Start("x", 3);
                        call.Chunk(0, "abc");
                        call.Finish(1);
                      }),
              FailsWith(StatusCode::kDataLoss, "CHECKSUM_MISMATCH"));
  EXPECT_EQ(stack_.ObjectOf("alice", "x"), std::nullopt);
}

TEST_F(UploadIntegrationTest, AnAbortFreesTheUploadAndMayBeRepeated) {
  auto stub = stack_.Stub();
  UploadCall call(*stub, alice_);
  call.Start("gone", std::nullopt);
  ASSERT_TRUE(call.Read());
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + alice_);
    upload::v1::AbortUploadRequest request;
    request.set_upload_id(call.upload_id());
    upload::v1::AbortUploadResponse answer;
    EXPECT_TRUE(stub->AbortUpload(&context, request, &answer).ok());
  }
  EXPECT_THAT(call.Await().status(), FailsWith(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"));
  UploadCall again(*stub, alice_);
  again.Resume(call.upload_id());
  EXPECT_THAT(again.Await().status(), FailsWith(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"));
}

TEST_F(UploadIntegrationTest, ATakenKeyIsReplacedOnlyWhereThatWasAskedFor) {
  ASSERT_THAT(Put("taken", "first", true, 10), IsOk());
  auto stub = stack_.Stub();
  for (const bool declared : {true, false}) {
    UploadCall call(*stub, alice_);
    call.Start("taken", declared ? std::optional<uint64_t>(6) : std::nullopt, false);
    call.Chunk(0, "second");
    call.Finish();
    EXPECT_THAT(call.Await().status(), FailsWith(absl::StatusCode::kAlreadyExists, "OBJECT_EXISTS"))
        << declared;
  }
  EXPECT_EQ(stack_.ObjectOf("alice", "taken"), "first");
  ASSERT_THAT(Put("taken", "third", true, 10), IsOk());
  EXPECT_EQ(stack_.ObjectOf("alice", "taken"), "third");
}

TEST_F(UploadIntegrationTest, ANewerStreamTakesOverAndTheOlderIsTold) {
  auto stub = stack_.Stub();
  UploadCall older(*stub, alice_);
  older.Start("both", std::nullopt);
  ASSERT_TRUE(older.Read());
  UploadCall newer(*stub, alice_);
  newer.Resume(older.upload_id());
  ASSERT_TRUE(newer.Read());
  EXPECT_THAT(older.Await().status(), FailsWith(absl::StatusCode::kAborted, "STREAM_REPLACED"));
  newer.Chunk(0, "new");
  newer.Finish();
  ASSERT_THAT(newer.Await(), IsOk());
  EXPECT_EQ(stack_.ObjectOf("alice", "both"), "new");
}

TEST_F(UploadIntegrationTest, ANewerStreamFindsWhatTheOlderHadUnderWay) {
  ASSERT_TRUE(stack_.sandbox().faults().Arm("service=oss&operation=part&kind=stall&count=1&for=300ms").ok());
  auto stub = stack_.Stub();
  UploadCall older(*stub, alice_);
  SendSlotThatStalls(older, "under-way");
  UploadCall newer(*stub, alice_);
  newer.Resume(older.upload_id());
  const auto first = newer.Read();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->committed_bytes(), 256u * 1024);
  EXPECT_THAT(older.Await().status(), FailsWith(absl::StatusCode::kAborted, "STREAM_REPLACED"));
  newer.Finish();
  ASSERT_THAT(newer.Await(), IsOk());
  EXPECT_EQ(stack_.ObjectOf("alice", "under-way"), std::string(256 * 1024, 'a'));
}

TEST_F(UploadIntegrationTest, ANewerStreamDoesNotWaitForAnOssThatStandsStill) {
  ASSERT_TRUE(stack_.sandbox().faults().Arm("service=oss&operation=part&kind=stall&count=1").ok());
  auto stub = stack_.Stub();
  UploadCall older(*stub, alice_);
  SendSlotThatStalls(older, "stands");
  UploadCall newer(*stub, alice_);
  newer.Resume(older.upload_id());
  ASSERT_TRUE(newer.Read());
  EXPECT_THAT(older.Await().status(), FailsWith(absl::StatusCode::kAborted, "STREAM_REPLACED"));
  newer.Chunk(0, "new");
  newer.Finish();
  ASSERT_THAT(newer.Await(), IsOk());
  EXPECT_EQ(stack_.ObjectOf("alice", "stands"), "new");
}

TEST_F(UploadIntegrationTest, APartThatArrivesLateTakesNothingAwayThatWasAcknowledged) {
  constexpr uint64_t kSlot = 256 * 1024;
  const std::string bytes = UploadBytes(20 << 20);
  ASSERT_TRUE(stack_.sandbox().faults().Arm("service=oss&operation=part&kind=stall&count=2").ok());
  const auto struck = [&] { return stack_.sandbox().faults().List().front().struck; };
  auto stub = stack_.Stub();
  auto elsewhere = stack_.Stub(1);
  UploadCall older(*stub, alice_);
  older.Start("late", std::nullopt);
  ASSERT_TRUE(older.Read());
  // Two parts, of one slot and of four, are on their way when the client changes to the other replica.
  ASSERT_TRUE(older.Chunk(0, bytes.substr(0, kSlot)));
  while (struck() < 1) std::this_thread::yield();
  ASSERT_TRUE(older.Chunk(kSlot, bytes.substr(kSlot, 4 * kSlot)));
  older.Leave();
  while (struck() < 2) std::this_thread::yield();

  UploadCall newer(*elsewhere, alice_);
  newer.Resume(older.upload_id());
  for (size_t at = 0; at < bytes.size(); at += kSlot) ASSERT_TRUE(newer.Chunk(at, bytes.substr(at, kSlot)));
  ASSERT_TRUE(newer.AwaitCommitted(bytes.size()));
  const auto parts = [&] { return stack_.sandbox().oss_stats().ReadKey("uploads/alice/late")["part"].calls; };
  const uint64_t served = parts();
  stack_.sandbox().faults().Clear();
  while (parts() < served + 2) std::this_thread::yield();
  newer.Finish();
  EXPECT_THAT(newer.Await().status(), FailsWith(absl::StatusCode::kAborted, "STREAM_REPLACED"));

  UploadCall last(*elsewhere, alice_);
  last.Resume(older.upload_id());
  const auto first = last.Read();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->committed_bytes(), bytes.size());
  last.Finish(crypto::Crc64(bytes));
  ASSERT_THAT(last.Await(), IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "late") == bytes);
}

TEST_F(UploadIntegrationTest, APartTooLargeToKeepThatFailsMidwayRewindsTheClientToWhatIsStored) {
  // 200 GB have slots of 20 MiB, which go through as they come.
  constexpr uint64_t kSize = 200'000'000'000;
  constexpr uint64_t kSlot = 20'185'088;
  const std::string bytes = UploadBytes(kSlot);
  auto stub = stack_.Stub();
  const auto send = [&](UploadCall& call) {
    for (size_t at = 0; at < bytes.size(); at += 1 << 20) {
      if (!call.Chunk(at, bytes.substr(at, 1 << 20))) return;
    }
  };
  ASSERT_TRUE(
      stack_.sandbox().faults().Arm("service=oss&operation=part&kind=body-reset&value=9000000&count=1").ok());
  UploadCall first(*stub, alice_, std::chrono::seconds(60));
  ASSERT_TRUE(first.Start("huge", kSize));
  ASSERT_TRUE(first.Read());
  send(first);
  EXPECT_THAT(first.Await().status(), FailsWith(absl::StatusCode::kUnavailable, "OSS_UNREACHABLE"));
  EXPECT_EQ(first.committed(), 0u);

  UploadCall second(*stub, alice_, std::chrono::seconds(60));
  second.Resume(first.upload_id());
  const auto told = second.Read();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->committed_bytes(), 0u);
  send(second);
  EXPECT_TRUE(second.AwaitCommitted(kSlot));
  second.Leave();
  const auto parts = stack_.sandbox().oss_stats().ReadKey("uploads/alice/huge")["part"];
  EXPECT_EQ(parts.broken, 1u);

  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + alice_);
  upload::v1::AbortUploadRequest abort;
  abort.set_upload_id(first.upload_id());
  upload::v1::AbortUploadResponse aborted;
  EXPECT_TRUE(stub->AbortUpload(&context, abort, &aborted).ok());
}

TEST(UploadOverTlsTest, ArrivesByteForByteHoweverItComesInPieces) {
  GatewayStack stack({.tls = true});
  const std::string alice = stack.Mint("alice");
  auto stub = stack.Stub();
  for (const size_t chunk : {size_t{1000}, size_t{9000}, size_t{16384}, size_t{300'000}, size_t{1} << 20}) {
    const std::string bytes = UploadBytes(std::min<size_t>(5 << 20, chunk * 200));
    const std::string path = "tls/" + std::to_string(chunk);
    UploadCall call(*stub, alice);
    call.Start(path, std::nullopt);
    for (size_t at = 0; at < bytes.size(); at += chunk) ASSERT_TRUE(call.Chunk(at, bytes.substr(at, chunk)));
    call.Finish(crypto::Crc64(bytes));
    ASSERT_THAT(call.Await(), IsOk()) << chunk;
    EXPECT_TRUE(stack.ObjectOf("alice", path) == bytes) << chunk;
  }
}

class UploadTokenFormTest : public ::testing::Test {
 protected:
  UploadTokenFormTest() { stack_.sandbox().stats().Reset(); }
  uint64_t AssumeRoles() {
    const auto counts = stack_.sandbox().stats().Read();
    const auto found = counts.received.find("AssumeRole");
    return found == counts.received.end() ? 0 : found->second;
  }
  GatewayStack stack_{{.replicas = 2, .more = "oss: {access: TOKEN}\n"}};
  const std::string alice_ = stack_.Mint("alice");
};

TEST_F(UploadTokenFormTest, UploadsOfEveryFormArriveWithOneTokenEach) {
  auto stub = stack_.Stub();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{5} << 20}) {
    for (const bool declared : {true, false}) {
      const std::string bytes = UploadBytes(size);
      const std::string path = "token/" + std::to_string(size) + (declared ? "" : "-unknown");
      const uint64_t before = AssumeRoles();
      UploadCall call(*stub, alice_);
      call.Start(path, declared ? std::optional<uint64_t>(size) : std::nullopt);
      for (size_t at = 0; at < bytes.size(); at += 1 << 20) call.Chunk(at, bytes.substr(at, 1 << 20));
      call.Finish(crypto::Crc64(bytes));
      ASSERT_THAT(call.Await(), IsOk()) << path;
      EXPECT_EQ(AssumeRoles() - before, 1u) << path;
      EXPECT_TRUE(stack_.ObjectOf("alice", path) == bytes) << path;
    }
  }
}

TEST_F(UploadTokenFormTest, GoesOnAtAnotherReplicaAndIsFreedByAnAbort) {
  const std::string bytes = UploadBytes(3 << 20);
  auto here = stack_.Stub(0);
  auto there = stack_.Stub(1);
  UploadCall first(*here, alice_);
  first.Start("resumed", std::nullopt);
  first.Chunk(0, bytes.substr(0, 1 << 20));
  ASSERT_TRUE(first.AwaitCommitted(1 << 20));
  first.Leave();
  UploadCall second(*there, alice_);
  second.Resume(first.upload_id());
  ASSERT_TRUE(second.Read()) << second.End();
  EXPECT_EQ(second.committed(), 1u << 20);
  second.Chunk(1 << 20, bytes.substr(1 << 20));
  second.Finish(crypto::Crc64(bytes));
  ASSERT_THAT(second.Await(), IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "resumed") == bytes);

  UploadCall left(*here, alice_);
  left.Start("left", std::nullopt);
  left.Chunk(0, bytes.substr(0, 256 * 1024));
  ASSERT_TRUE(left.AwaitCommitted(256 * 1024));
  left.Leave();
  const auto with = [&](grpc::ClientContext& context) {
    context.AddMetadata("authorization", "Bearer " + alice_);
  };
  grpc::ClientContext abort_context, get_context;
  with(abort_context);
  with(get_context);
  upload::v1::AbortUploadRequest abort;
  abort.set_upload_id(left.upload_id());
  upload::v1::AbortUploadResponse aborted;
  EXPECT_TRUE(there->AbortUpload(&abort_context, abort, &aborted).ok());
  upload::v1::GetUploadRequest get;
  get.set_upload_id(left.upload_id());
  upload::v1::GetUploadResponse got;
  EXPECT_EQ(here->GetUpload(&get_context, get, &got).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(UploadTokenFormTest, NobodyReachesAnothersUploadOrPrefix) {
  auto stub = stack_.Stub();
  UploadCall alices(*stub, alice_);
  alices.Start("hers", std::nullopt);
  ASSERT_TRUE(alices.Read());
  const std::string bob = stack_.Mint("bob");
  UploadCall bobs(*stub, bob);
  bobs.Resume(alices.upload_id());
  EXPECT_THAT(bobs.Await().status(), FailsWith(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND"));
  UploadCall wide(*stub, bob);
  wide.Start("../alice/hers", 1);
  EXPECT_THAT(wide.Await().status(), FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"));
}

}  // namespace
}  // namespace sluice
