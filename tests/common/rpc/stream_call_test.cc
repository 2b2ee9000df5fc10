// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/stream_call.h"

#include <atomic>
#include <future>

#include "common/base/status.h"
#include "common/rpc/grpc_server.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"
#include "sluice/upload/v1/upload_gateway.grpc.pb.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"

namespace sluice::rpc {
namespace {

using sluice::testing::IsOk;
using upload::v1::UploadGateway;
using upload::v1::UploadRequest;
using upload::v1::UploadResponse;

using Service = UploadGateway::WithRawMethod_Upload<UploadGateway::Service>;

// Echoes the size of each message as committed bytes, then ends well.
void EchoSizes(const std::shared_ptr<ByteStream>& stream) {
  stream->Read([stream](std::optional<absl::Cord> message) {
    if (!message) return stream->Finish(absl::OkStatus());
    UploadResponse answer;
    answer.set_committed_bytes(message->size());
    stream->Write(answer.SerializeAsString());
    EchoSizes(stream);
  });
}

class StreamCallTest : public ::testing::Test {
 protected:
  void Serve(StreamHandler handler) {
    server_.AddService(service_);
    server_.AddStream(service_, &Service::RequestUpload, std::move(handler));
    ASSERT_THAT(server_.Start(), IsOk());
    stub_ = UploadGateway::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(server_.port()),
                                                       grpc::InsecureChannelCredentials()));
  }
  static UploadRequest Message(size_t bytes) {
    UploadRequest out;
    out.mutable_chunk()->set_data(std::string(bytes, 'x'));
    return out;
  }
  static GrpcServerOptions Options() {
    GrpcServerOptions out{"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 1, 5 << 20};
    out.bulk = BulkTraffic{};
    out.threads = 3;
    return out;
  }

  Service service_;
  GrpcServer server_{Options()};
  std::unique_ptr<UploadGateway::Stub> stub_;
};

TEST_F(StreamCallTest, MessagesComeWholeAndInOrderWhateverTheirSize) {
  Serve(EchoSizes);
  grpc::ClientContext context;
  auto stream = stub_->Upload(&context);
  for (const size_t bytes : {0u, 1u, 255u, 257u, 65'536u, 4u << 20}) {
    const UploadRequest message = Message(bytes);
    ASSERT_TRUE(stream->Write(message));
    UploadResponse answer;
    ASSERT_TRUE(stream->Read(&answer));
    EXPECT_EQ(answer.committed_bytes(), message.ByteSizeLong());
  }
  stream->WritesDone();
  UploadResponse nothing;
  EXPECT_FALSE(stream->Read(&nothing));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamCallTest, NobodyIsAskedForFramesThatWouldBeHeldWholeBeforeHeIsKnown) {
  Serve(EchoSizes);
  const std::string preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", 33);
  const std::string said = sluice::testing::RawExchange(static_cast<uint16_t>(server_.port()), preface);
  const auto number = [&](size_t at, size_t bytes) {
    uint32_t out = 0;
    for (size_t i = 0; i < bytes; ++i) out = out << 8 | static_cast<uint8_t>(said[at + i]);
    return out;
  };
  // The first frame is SETTINGS, of a number and a value each.
  ASSERT_GE(said.size(), 9u);
  ASSERT_EQ(number(3, 1), 4u);
  const uint32_t length = number(0, 3);
  ASSERT_GE(said.size(), 9u + length);
  uint32_t largest_frame = 0;
  for (size_t at = 9; at < 9 + length; at += 6) {
    if (number(at, 2) == 5) largest_frame = number(at + 2, 4);
  }
  EXPECT_EQ(largest_frame, 64u * 1024);
}

TEST_F(StreamCallTest, BytesAreThoseThatWereSent) {
  std::promise<std::string> seen;
  Serve([&](const std::shared_ptr<ByteStream>& stream) {
    stream->Read([&seen, stream](std::optional<absl::Cord> message) {
      seen.set_value(std::string(message.value_or(absl::Cord())));
      stream->Finish(absl::OkStatus());
    });
  });
  grpc::ClientContext context;
  auto stream = stub_->Upload(&context);
  UploadRequest sent = Message(1 << 20);
  for (size_t i = 0; i < sent.chunk().data().size(); ++i)
    (*sent.mutable_chunk()->mutable_data())[i] = static_cast<char>(i * 2654435761u >> 13);
  ASSERT_TRUE(stream->Write(sent));

  EXPECT_TRUE(seen.get_future().get() == sent.SerializeAsString());
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamCallTest, AnEndCarriesItsReasonAfterWhatWasWritten) {
  Serve([](const std::shared_ptr<ByteStream>& stream) {
    UploadResponse answer;
    answer.set_committed_bytes(7);
    stream->Write(answer.SerializeAsString());
    stream->Finish(Fail(absl::StatusCode::kAborted, "STREAM_REPLACED", "no"));
    stream->Finish(absl::OkStatus());
    stream->Write("never sent");
  });
  grpc::ClientContext context;
  auto stream = stub_->Upload(&context);
  UploadResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.committed_bytes(), 7u);
  EXPECT_FALSE(stream->Read(&answer));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_NE(status.error_details().find("STREAM_REPLACED"), std::string::npos);
  EXPECT_EQ(context.GetServerTrailingMetadata().count("x-request-id"), 1u);
}

TEST_F(StreamCallTest, APeerThatLeavesEndsItsReadAndItsCall) {
  std::promise<void> cancelled;
  std::promise<bool> read;
  Serve([&](const std::shared_ptr<ByteStream>& stream) {
    stream->context().cancel.OnCancel([&] { cancelled.set_value(); });
    stream->Write(UploadResponse().SerializeAsString());
    stream->Read([&read, stream](std::optional<absl::Cord> message) { read.set_value(message.has_value()); });
  });
  grpc::ClientContext context;
  auto stream = stub_->Upload(&context);
  UploadResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  context.TryCancel();

  EXPECT_FALSE(read.get_future().get());
  cancelled.get_future().wait();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StreamCallTest, CallsAfterTheEndAreHarmless) {
  std::promise<std::shared_ptr<ByteStream>> given;
  Serve([&](const std::shared_ptr<ByteStream>& stream) {
    stream->Finish(absl::OkStatus());
    given.set_value(stream);
  });
  grpc::ClientContext context;
  auto call = stub_->Upload(&context);
  EXPECT_TRUE(call->Finish().ok());
  auto stream = given.get_future().get();
  bool read = true;
  stream->Read([&](std::optional<absl::Cord> message) { read = message.has_value(); });
  stream->Write("x");
  stream->Finish(absl::OkStatus());
  EXPECT_FALSE(read);
}

TEST_F(StreamCallTest, StoppingTheServerEndsStreamsThatStandStill) {
  std::promise<void> begun;
  Serve([&](const std::shared_ptr<ByteStream>& stream) {
    stream->Read([stream](std::optional<absl::Cord>) {});
    begun.set_value();
  });
  grpc::ClientContext context;
  auto stream = stub_->Upload(&context);
  begun.get_future().wait();
  server_.Stop(std::chrono::milliseconds(0));
  EXPECT_FALSE(stream->Finish().ok());
}

// A server whose handler asks another server.
class OutgoingCallsTest : public ::testing::Test {
 protected:
  using Broker = token::v1::TokenBroker;
  using BrokerService = Broker::WithRawMethod_IssueToken<Broker::Service>;
  using Answer = token::v1::IssueTokenResponse;

  void SetUp() override {
    peer_.AddService(service_);
    peer_.AddMethod<token::v1::IssueTokenRequest, Answer>(
        service_, &BrokerService::RequestIssueToken,
        [this](const token::v1::IssueTokenRequest& request, CallContext context, auto done) {
          if (request.grant() == "hang") {
            std::lock_guard lock(mutex_);
            held_.push_back(std::move(done));
            return;
          }
          if (request.grant() == "no")
            return done(Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED", "no")
                            .With("field", "path")
                            .RetryAfter(std::chrono::seconds(3)));
          Answer answer;
          answer.set_grant_id(context.authorization);
          done(answer);
        });
    ASSERT_THAT(peer_.Start(), IsOk());
    ASSERT_THAT(server_.Start(), IsOk());
    stub_ = Broker::NewStub(
        grpc::CreateChannel("127.0.0.1:" + std::to_string(peer_.port()), grpc::InsecureChannelCredentials()));
  }
  void TearDown() override {
    for (auto& done : held_) done(Answer());
  }
  std::future<absl::StatusOr<Answer>> Call(const std::string& grant, OutgoingCalls::Metadata metadata,
                                           CancelToken cancel = {}) {
    token::v1::IssueTokenRequest request;
    request.set_grant(grant);
    auto promise = std::make_shared<std::promise<absl::StatusOr<Answer>>>();
    server_.outgoing().Call(*stub_, &Broker::Stub::PrepareAsyncIssueToken, request, std::move(metadata),
                            Deadline::After(std::chrono::seconds(20)), std::move(cancel),
                            OutgoingCalls::Done<Answer>([promise](absl::StatusOr<Answer> answer) {
                              promise->set_value(std::move(answer));
                            }));
    return promise->get_future();
  }

  std::mutex mutex_;
  std::vector<GrpcServer::Done<Answer>> held_;
  BrokerService service_;
  GrpcServer peer_{{"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 1, 64 * 1024}};
  GrpcServer server_{{"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 1, 64 * 1024}};
  std::unique_ptr<Broker::Stub> stub_;
};

TEST_F(OutgoingCallsTest, AnAnswerComesBackAndAnErrorKeepsItsReason) {
  const auto good = Call("photos", {{"authorization", "Bearer x"}}).get();
  ASSERT_THAT(good, IsOk());
  EXPECT_EQ(good->grant_id(), "Bearer x");

  const auto refused = Call("no", {}).get();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Reason(refused.status()), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(Metadata(refused.status()).at("field"), "path");
  EXPECT_EQ(RetryDelay(refused.status()), std::chrono::seconds(3));
}

TEST_F(OutgoingCallsTest, ACancelEndsTheCallAndALateOneIsHarmless) {
  CancelSource cancel;
  auto answer = Call("hang", {}, cancel.token());
  cancel.Cancel();
  EXPECT_EQ(answer.get().status().code(), absl::StatusCode::kCancelled);

  CancelSource late;
  EXPECT_THAT(Call("photos", {}, late.token()).get(), IsOk());
  late.Cancel();
}

TEST_F(OutgoingCallsTest, AHeaderThatGrpcWouldAbortForIsRefused) {
  EXPECT_EQ(Reason(Call("photos", {{"authorization", "a\nb"}}).get().status()), "REQUEST_MALFORMED");
}

TEST_F(OutgoingCallsTest, AfterTheServerHasEndedNothingIsSent) {
  server_.Stop(std::chrono::milliseconds(0));
  EXPECT_EQ(Call("photos", {}).get().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace sluice::rpc
