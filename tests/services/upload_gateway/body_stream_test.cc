// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/body_stream.h"

#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using upload::v1::UploadRequest;
using upload::v1::UploadResponse;

// The upload at one side of the stream and the HTTP server at the other, both as they behave.
class BodyStreamTest : public ::testing::Test {
 protected:
  // An upload of `size` bytes whose body begins at `offset`.
  void Begin(uint64_t offset, std::optional<uint64_t> size,
             std::optional<BodyStream::Checksum> checksum = std::nullopt) {
    BodyStream::Order order;
    order.first.set_upload_id("id");
    order.offset = offset;
    order.size_bytes = size;
    order.checksum = std::move(checksum);
    Begin(std::move(order));
  }
  void Begin(BodyStream::Order order) {
    stream_->Expect(std::move(order), [this](BodyStream::Result result) { result_ = std::move(result); });
  }

  // The next message that the upload gets; nothing where it must wait for it, or the stream has none any
  // more.
  std::optional<UploadRequest> Read() {
    got_.reset();
    answered_ = false;
    stream_->Read([this](std::optional<absl::Cord> message) {
      answered_ = true;
      if (message) got_ = Parsed(*message);
    });
    return got_;
  }
  static UploadRequest Parsed(const absl::Cord& message) {
    UploadRequest out;
    EXPECT_TRUE(out.ParseFromString(std::string(message)));
    return out;
  }
  void Tell(uint64_t committed) {
    UploadResponse answer;
    answer.set_committed_bytes(committed);
    stream_->Write(answer.SerializeAsString());
  }
  void TellObject(uint64_t size) {
    UploadResponse answer;
    answer.set_committed_bytes(size);
    answer.mutable_object()->set_size_bytes(size);
    stream_->Write(answer.SerializeAsString());
  }
  // Whether the server may read more of the body.
  bool Ready() {
    ready_ = false;
    stream_->AwaitReady([this] { ready_ = true; });
    return ready_;
  }

  sluice::testing::FakeTimers timers_;
  ByteBudget budget_{16 << 20, timers_};
  CancelSource cancel_;
  std::shared_ptr<BodyStream> stream_ = std::make_shared<BodyStream>(
      [this] {
        rpc::CallContext context;
        context.cancel = cancel_.token();
        return context;
      }(),
      cancel_, budget_);
  std::optional<UploadRequest> got_;
  bool answered_ = false;
  bool ready_ = false;
  std::optional<BodyStream::Result> result_;
};

TEST_F(BodyStreamTest, TheBodyIsHeldBackUntilTheUploadWantsIt) {
  EXPECT_FALSE(Ready());
  Begin(0, 6);
  EXPECT_EQ(Read()->upload_id(), "id");
  EXPECT_FALSE(ready_);
  Tell(0);
  EXPECT_FALSE(ready_) << "nobody has asked for bytes yet";
  EXPECT_FALSE(Read());
  EXPECT_TRUE(ready_);

  ASSERT_THAT(stream_->OnBody("abc"), IsOk());
  ASSERT_TRUE(got_);
  EXPECT_EQ(got_->chunk().offset(), 0u);
  EXPECT_EQ(got_->chunk().data(), "abc");
  EXPECT_FALSE(Ready());
}

TEST_F(BodyStreamTest, TheEndOfAWholeObjectFinishesIt) {
  Begin(3, 6);
  Read();
  Tell(3);
  Read();
  Ready();
  ASSERT_THAT(stream_->OnBody("def"), IsOk());
  EXPECT_EQ(got_->chunk().offset(), 3u);
  stream_->OnBodyEnd();
  EXPECT_TRUE(Read()->has_finish());
  TellObject(6);
  stream_->Finish(absl::OkStatus());

  ASSERT_TRUE(result_);
  EXPECT_THAT(result_->status, IsOk());
  EXPECT_EQ(result_->committed, 6u);
  EXPECT_TRUE(result_->object);
}

TEST_F(BodyStreamTest, TheEndOfABodyThatIsNotTheLastIsAPauseWithWhatIsStored) {
  Begin(0, 100);
  Read();
  Tell(0);
  Read();
  Ready();
  ASSERT_THAT(stream_->OnBody(std::string(50, 'x')), IsOk());
  stream_->OnBodyEnd();
  EXPECT_FALSE(Read());
  EXPECT_TRUE(answered_);
  stream_->Finish(Fail(absl::StatusCode::kCancelled, "CALL_CANCELLED", "gone").With("committed_bytes", "40"));

  EXPECT_THAT(result_->status, IsOk());
  EXPECT_EQ(result_->committed, 40u);
  EXPECT_FALSE(result_->object);
}

TEST_F(BodyStreamTest, AnotherOffsetThanTheUploadsIsRefusedBeforeAnythingIsRead) {
  Begin(5, 100);
  Read();
  Ready();
  Tell(7);
  Read();
  EXPECT_TRUE(answered_);
  EXPECT_FALSE(got_);
  EXPECT_TRUE(ready_) << "so that the server answers";
  EXPECT_FALSE(stream_->OnBody("abc").ok());
  stream_->Finish(absl::CancelledError("gone"));

  EXPECT_THAT(result_->status, FailsWith(absl::StatusCode::kAborted, "OFFSET_MISMATCH"));
  EXPECT_EQ(Metadata(result_->status)["committed_bytes"], "7");
}

TEST_F(BodyStreamTest, AnObjectThatIsThereAlreadyIsJudgedByItsOffsetToo) {
  Begin(6, 6);
  Read();
  TellObject(6);
  stream_->Finish(absl::OkStatus());
  EXPECT_THAT(result_->status, IsOk());

  result_.reset();
  stream_ = std::make_shared<BodyStream>(rpc::CallContext(), CancelSource(), budget_);
  Begin(5, 6);
  Read();
  TellObject(6);
  stream_->Finish(absl::OkStatus());
  EXPECT_THAT(result_->status, FailsWith(absl::StatusCode::kAborted, "OFFSET_MISMATCH"));
}

TEST_F(BodyStreamTest, ABodyThatIsRefusedIsRefusedOnlyAtTheRightOffset) {
  for (const uint64_t committed : {0, 1}) {
    result_.reset();
    stream_ = std::make_shared<BodyStream>(rpc::CallContext(), CancelSource(), budget_);
    BodyStream::Order order;
    order.first.set_upload_id("id");
    order.refusal = Fail(absl::StatusCode::kInvalidArgument, "CHUNK_TOO_SMALL", "x");
    Begin(std::move(order));
    Read();
    Tell(committed);
    Read();
    stream_->Finish(absl::CancelledError("gone"));
    EXPECT_EQ(Reason(result_->status), committed == 0 ? "CHUNK_TOO_SMALL" : "OFFSET_MISMATCH");
  }
}

TEST_F(BodyStreamTest, NothingOfABodyWithAWrongSumIsUsed) {
  Begin(0, 6, BodyStream::Checksum{BodyStream::Checksum::Kind::kSha1, crypto::Sha1("abcdef")});
  Read();
  Tell(0);
  Read();
  ASSERT_TRUE(Ready());
  ASSERT_THAT(stream_->OnBody("abc"), IsOk());
  EXPECT_FALSE(got_) << "the sum is known at the end alone";
  ASSERT_TRUE(Ready());
  ASSERT_THAT(stream_->OnBody("deX"), IsOk());
  stream_->OnBodyEnd();
  EXPECT_TRUE(answered_);
  EXPECT_FALSE(got_);
  stream_->Finish(absl::CancelledError("gone"));

  EXPECT_THAT(result_->status, FailsWith(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH"));
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(BodyStreamTest, ABodyWithTheRightSumIsGivenWholeAndWasHeldUnderTheBudget) {
  Begin(0, 6, BodyStream::Checksum{BodyStream::Checksum::Kind::kSha256, crypto::Sha256("abcdef")});
  Read();
  Tell(0);
  Read();
  ASSERT_TRUE(Ready());
  EXPECT_EQ(budget_.held(), BodyStream::kMostSummed);
  ASSERT_THAT(stream_->OnBody("abc"), IsOk());
  ASSERT_TRUE(Ready());
  ASSERT_THAT(stream_->OnBody("def"), IsOk());
  stream_->OnBodyEnd();

  ASSERT_TRUE(got_);
  EXPECT_EQ(got_->chunk().data(), "abcdef");
  EXPECT_EQ(budget_.held(), 0u);
  EXPECT_TRUE(Read()->has_finish());
}

TEST_F(BodyStreamTest, ABodyWithASumWaitsForRoomAndIsBounded) {
  ByteBudget::Lease all;
  budget_.Take(16 << 20, [&](ByteBudget::Lease lease) { all = std::move(lease); });
  Begin(0, 8 << 20, BodyStream::Checksum{BodyStream::Checksum::Kind::kMd5, std::string(16, 'x')});
  Read();
  Tell(0);
  Read();
  EXPECT_FALSE(Ready());
  all = {};
  EXPECT_TRUE(ready_);

  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 4; ++i) {
    ASSERT_THAT(stream_->OnBody(piece), IsOk());
    ASSERT_TRUE(Ready());
  }
  ASSERT_THAT(stream_->OnBody(piece), IsOk());
  EXPECT_FALSE(stream_->OnBody(piece).ok());
  stream_->Finish(absl::CancelledError("gone"));
  EXPECT_THAT(result_->status, FailsWith(absl::StatusCode::kOutOfRange, "CHUNK_TOO_LARGE"));
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(BodyStreamTest, WhoeverWaitsForItsRoomGoesOnUnderNoLockOfIt) {
  for (const bool finished : {false, true}) {
    stream_ = std::make_shared<BodyStream>(rpc::CallContext(), CancelSource(), budget_);
    Begin(0, 6, BodyStream::Checksum{BodyStream::Checksum::Kind::kSha1, crypto::Sha1("abcdef")});
    Read();
    Tell(0);
    Read();
    ASSERT_TRUE(Ready());
    bool granted = false;
    // It comes back to the stream, as one that waits for another's room may.
    budget_.Take(16 << 20, [&](ByteBudget::Lease) {
      granted = true;
      stream_->AwaitReady([] {});
    });
    ASSERT_THAT(stream_->OnBody("abcdef"), IsOk());
    EXPECT_FALSE(granted);
    if (finished) {
      stream_->Finish(absl::CancelledError("gone"));
    } else {
      stream_->OnBodyEnd();
    }
    EXPECT_TRUE(granted);
    stream_->Finish(absl::CancelledError("gone"));
  }
  EXPECT_EQ(budget_.held(), 0u);
}

TEST_F(BodyStreamTest, APeerThatLeavesEndsWhatItSendsAndIsToldToTheUpload) {
  Begin(0, 100);
  Read();
  Tell(0);
  Read();
  Ready();
  stream_->OnGone();

  EXPECT_TRUE(answered_);
  EXPECT_FALSE(got_);
  EXPECT_TRUE(stream_->context().cancel.cancelled());
}

TEST_F(BodyStreamTest, AnErrorOfTheUploadEndsTheReadingAndIsTheResult) {
  Begin(0, 100);
  Read();
  Tell(0);
  Read();
  stream_->Finish(
      Fail(absl::StatusCode::kUnavailable, "GATEWAY_DRAINING", "x").With("committed_bytes", "12"));

  EXPECT_TRUE(answered_) << "a read that was posted is always answered";
  EXPECT_TRUE(Ready());
  EXPECT_FALSE(stream_->OnBody("abc").ok());
  EXPECT_THAT(result_->status, FailsWith(absl::StatusCode::kUnavailable, "GATEWAY_DRAINING"));
  EXPECT_EQ(result_->committed, 12u);
}

TEST_F(BodyStreamTest, ChunksOfEverySizeAreMessagesThatProtobufReads) {
  for (const size_t size : {1u, 127u, 128u, 16'383u, 16'384u, 70'000u}) {
    stream_ = std::make_shared<BodyStream>(rpc::CallContext(), CancelSource(), budget_);
    const uint64_t offset = uint64_t{1} << 40;
    Begin(offset, std::nullopt);
    Read();
    Tell(offset);
    Read();
    Ready();
    ASSERT_THAT(stream_->OnBody(std::string(size, 'y')), IsOk());
    ASSERT_TRUE(got_);
    EXPECT_EQ(got_->chunk().offset(), offset);
    EXPECT_EQ(got_->chunk().data(), std::string(size, 'y'));
    stream_->Finish(absl::CancelledError("gone"));
  }
}

}  // namespace
}  // namespace sluice::gateway
