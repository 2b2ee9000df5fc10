// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/grpc_server.h"

#include <future>

#include "common/base/status.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"
#include "tests/support/status_matchers.h"

namespace sluice::rpc {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;
using token::v1::TokenBroker;

using Service = TokenBroker::WithRawMethod_IssueToken<TokenBroker::Service>;

class GrpcServerTest : public ::testing::Test {
 protected:
  using Handler = GrpcServer::Handler<IssueTokenRequest, IssueTokenResponse>;
  void Serve(Handler handler, Shortcut shortcut = nullptr) {
    server_.AddService(service_);
    server_.AddMethod<IssueTokenRequest, IssueTokenResponse>(service_, &Service::RequestIssueToken,
                                                             std::move(handler), std::move(shortcut));
    ASSERT_THAT(server_.Start(), IsOk());
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_.port()),
                                   grpc::InsecureChannelCredentials());
    stub_ = TokenBroker::NewStub(channel_);
  }
  static GrpcServerOptions Options() {
    GrpcServerOptions out{"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 2, 64 * 1024};
    out.threads = 2;
    return out;
  }

  Service service_;
  GrpcServer server_{Options()};
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<TokenBroker::Stub> stub_;
};

TEST_F(GrpcServerTest, AnswersWithTheHandlersMessage) {
  Serve([](const IssueTokenRequest& request, CallContext context, auto done) {
    IssueTokenResponse answer;
    answer.set_grant_id(request.grant() + "|" + context.authorization + "|" + context.peer + "|" +
                        context.trace_id);
    done(answer);
  });
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer x");
  context.AddMetadata("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  IssueTokenRequest request;
  request.set_grant("photos");
  IssueTokenResponse answer;

  ASSERT_TRUE(stub_->IssueToken(&context, request, &answer).ok());

  EXPECT_EQ(answer.grant_id(), "photos|Bearer x|127.0.0.1|0af7651916cd43dd8448eb211c80319c");
}

TEST_F(GrpcServerTest, ErrorsAndGarbageHaveReasons) {
  Serve([](const IssueTokenRequest&, CallContext, auto done) {
    done(Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED", "no"));
  });
  IssueTokenResponse answer;
  {
    grpc::ClientContext context;
    const grpc::Status status = stub_->IssueToken(&context, {}, &answer);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_NE(status.error_details().find("SCOPE_NOT_GRANTED"), std::string::npos);
    EXPECT_EQ(context.GetServerTrailingMetadata().count("x-request-id"), 1u);
  }
  grpc::Slice garbage("\xff\xff\xff");
  grpc::ByteBuffer request(&garbage, 1);
  grpc::ByteBuffer raw;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = grpc::GenericStub(channel_).PrepareUnaryCall(
      &context, "/sluice.token.v1.TokenBroker/IssueToken", request, &queue);
  grpc::Status status;
  call->StartCall();
  call->Finish(&raw, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_details().find("REQUEST_MALFORMED"), std::string::npos);
}

TEST_F(GrpcServerTest, ManyCallsAtOnceAreAllAnswered) {
  Serve([](const IssueTokenRequest& request, CallContext, auto done) {
    IssueTokenResponse answer;
    answer.set_grant_id(request.grant());
    done(answer);
  });
  constexpr int kCalls = 500;  // more than are posted
  std::atomic<int> right = 0;
  std::promise<void> all;
  struct One {
    grpc::ClientContext context;
    IssueTokenRequest request;
    IssueTokenResponse answer;
  };
  std::vector<std::unique_ptr<One>> calls;
  std::atomic<int> left = kCalls;
  for (int i = 0; i < kCalls; ++i) {
    auto& one = *calls.emplace_back(std::make_unique<One>());
    one.request.set_grant(std::to_string(i));
    stub_->async()->IssueToken(&one.context, &one.request, &one.answer, [&](grpc::Status status) {
      if (status.ok() && one.answer.grant_id() == one.request.grant()) ++right;
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().wait();

  EXPECT_EQ(right, kCalls);
}

TEST_F(GrpcServerTest, AShortcutAnswersWhatItCanAndLeavesTheRest) {
  const auto shared = std::make_shared<const std::string>([] {
    IssueTokenResponse answer;
    answer.set_grant_id("short");
    return answer.SerializeAsString();
  }());
  Serve(
      [](const IssueTokenRequest& request, CallContext context, auto done) {
        IssueTokenResponse answer;
        answer.set_grant_id("handler " + request.grant() + " " + context.peer);
        done(answer);
      },
      [shared](Arrival& call) -> std::optional<Rendered> {
        IssueTokenRequest request;
        if (!request.ParseFromString(std::string(call.request)) || request.grant() != "short")
          return std::nullopt;
        call.peer = "changed";
        IssueTokenResponse own;
        own.set_policy_json(std::string(call.authorization) + "|" + std::string(call.ticket) + "|" +
                            std::string(call.forwarded_for) + "|" + std::string(call.forwarded_proto) + "|" +
                            std::string(call.traceparent));
        return Rendered{shared, own.SerializeAsString()};
      });
  const auto ask = [&](const std::string& grant, int bearers) {
    grpc::ClientContext context;
    for (int i = 0; i < bearers; ++i) context.AddMetadata("authorization", "Bearer x");
    context.AddMetadata("x-sluice-ticket", "t");
    context.AddMetadata("x-forwarded-for", "192.0.2.1");
    context.AddMetadata("x-forwarded-proto", "https");
    context.AddMetadata("traceparent", "p");
    IssueTokenRequest request;
    request.set_grant(grant);
    IssueTokenResponse answer;
    const grpc::Status status = stub_->IssueToken(&context, request, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer;
  };
  for (int i = 0; i < 100; ++i) {  // more than wait for calls at once
    EXPECT_EQ(ask("short", 1).grant_id(), "short");
    EXPECT_EQ(ask("long", 1).grant_id(), "handler long 127.0.0.1");
  }
  EXPECT_EQ(ask("short", 1).policy_json(), "Bearer x|t|192.0.2.1|https|p");
  EXPECT_EQ(ask("short", 2).grant_id(), "handler short 127.0.0.1")
      << "who says twice who it is, is looked at";
}

TEST_F(GrpcServerTest, WhoWaitedTooLongIsTurnedAwayUnlessAShortcutAnswers) {
  GrpcServerOptions options = Options();
  options.most_wait = std::chrono::milliseconds(-1);  // so that everybody has
  options.too_late = [] {
    return Fail(absl::StatusCode::kUnavailable, "BROKER_OVERLOADED", "wait")
        .RetryAfter(std::chrono::seconds(2));
  };
  GrpcServer server(options);
  Service service;
  server.AddService(service);
  std::atomic<int> handled = 0;
  server.AddMethod<IssueTokenRequest, IssueTokenResponse, Service>(
      service, &Service::RequestIssueToken,
      [&](const IssueTokenRequest&, const CallContext&, auto done) {
        ++handled;
        done(IssueTokenResponse());
      },
      [](Arrival& call) -> std::optional<Rendered> {
        if (call.request.empty()) return std::nullopt;
        return Rendered{std::make_shared<const std::string>(), ""};
      });
  ASSERT_THAT(server.Start(), IsOk());
  const auto stub = TokenBroker::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(server.port()), grpc::InsecureChannelCredentials()));
  for (int i = 0; i < 50; ++i) {  // more than are posted
    IssueTokenRequest request;
    if (i % 2 == 0) request.set_grant("short");
    grpc::ClientContext context;
    IssueTokenResponse answer;
    const grpc::Status status = stub->IssueToken(&context, request, &answer);
    EXPECT_EQ(status.error_code(), i % 2 == 0 ? grpc::StatusCode::OK : grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(status.error_details().find("BROKER_OVERLOADED") != std::string::npos, i % 2 == 1);
  }
  EXPECT_EQ(handled, 0);
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse health;
  EXPECT_TRUE(
      grpc::health::v1::Health::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(server.port()),
                                                            grpc::InsecureChannelCredentials()))
          ->Check(&context, {}, &health)
          .ok());
  EXPECT_EQ(health.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST(QueueTest, OfMoreThanMayWaitTheOldestIsTurnedAway) {
  struct Call final : internal::Waiting {
    bool turned_away = false;
    void Work() override {}
    void TurnAway() override { turned_away = true; }
  };
  grpc::ServerBuilder builder;
  internal::Queue queue(builder.AddCompletionQueue(), std::chrono::hours(1));
  std::vector<Call> calls(internal::Queue::kMostWaiting + 2);
  for (Call& call : calls) queue.Wait(call);

  EXPECT_TRUE(calls[0].turned_away);
  EXPECT_TRUE(calls[1].turned_away);
  EXPECT_FALSE(calls[2].turned_away);
  EXPECT_FALSE(calls.back().turned_away);
  queue.completions().Shutdown();
  queue.Run();
}

TEST_F(GrpcServerTest, ACallerWhoLeavesCancelsTheWork) {
  std::promise<void> cancelled;
  std::promise<GrpcServer::Done<IssueTokenResponse>> waiting;
  Serve([&](const IssueTokenRequest&, CallContext context, auto done) {
    context.cancel.OnCancel([&] { cancelled.set_value(); });
    waiting.set_value(std::move(done));
  });
  grpc::ClientContext context;
  IssueTokenRequest request;
  IssueTokenResponse answer;
  std::promise<grpc::Status> ended;
  stub_->async()->IssueToken(&context, &request, &answer,
                             [&](grpc::Status status) { ended.set_value(status); });
  auto done = waiting.get_future().get();

  context.TryCancel();

  cancelled.get_future().wait();
  EXPECT_EQ(ended.get_future().get().error_code(), grpc::StatusCode::CANCELLED);
  done(absl::CancelledError());
}

TEST_F(GrpcServerTest, StopLetsACallUnderWayFinish) {
  std::promise<GrpcServer::Done<IssueTokenResponse>> waiting;
  Serve([&](const IssueTokenRequest&, CallContext, auto done) { waiting.set_value(std::move(done)); });
  grpc::ClientContext context;
  IssueTokenRequest request;
  IssueTokenResponse answer;
  std::promise<grpc::Status> ended;
  stub_->async()->IssueToken(&context, &request, &answer,
                             [&](grpc::Status status) { ended.set_value(status); });
  auto done = waiting.get_future().get();

  auto stopping = std::async(std::launch::async, [&] { server_.Stop(std::chrono::seconds(20)); });
  done(IssueTokenResponse());

  EXPECT_TRUE(ended.get_future().get().ok());
  stopping.wait();
}

TEST_F(GrpcServerTest, ATakenPortIsSaid) {
  Serve([](const IssueTokenRequest&, CallContext, auto done) { done(IssueTokenResponse()); });
  GrpcServerOptions taken = Options();
  taken.address = "127.0.0.1:" + std::to_string(server_.port());
  GrpcServer second(taken);

  EXPECT_THAT(second.Start(), FailsWith(absl::StatusCode::kUnavailable, "LISTEN_FAILED"));
}

TEST_F(GrpcServerTest, SaysWhetherItServesAndRefusesToBeWatched) {
  Serve([](const IssueTokenRequest&, CallContext, auto done) { done(IssueTokenResponse()); });
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  const auto check = [&](const std::string& service) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse answer;
    const grpc::Status status = health->Check(&context, request, &answer);
    return std::pair(status.error_code(), answer.status());
  };
  using Answer = grpc::health::v1::HealthCheckResponse;
  EXPECT_EQ(check(""), std::pair(grpc::StatusCode::OK, Answer::SERVING));
  EXPECT_EQ(check("other").first, grpc::StatusCode::NOT_FOUND);
  for (int i = 0; i < 3; ++i) {
    grpc::ClientContext context;
    Answer answer;
    const auto reader = health->Watch(&context, {});
    EXPECT_FALSE(reader->Read(&answer));
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }

  server_.AnnounceEnd();

  EXPECT_EQ(check(""), std::pair(grpc::StatusCode::OK, Answer::NOT_SERVING));
}

}  // namespace
}  // namespace sluice::rpc
