// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/admin_server.h"

#include <sys/socket.h>

#include "common/http/curl_client.h"
#include "common/http/server.h"
#include "common/rpc/grpc_server.h"
#include "gmock/gmock.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"
#include "tests/support/loopback.h"
#include "tests/support/raw_grpc.h"
#include "tests/support/status_matchers.h"

namespace sluice::rpc {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::kChannelzServers;
using sluice::testing::kHealthCheck;
using sluice::testing::kListServices;
using sluice::testing::kNotServing;
using sluice::testing::kReflect;
using sluice::testing::kServing;
using sluice::testing::RawGrpc;
using ::testing::HasSubstr;
using ::testing::Not;
using token::v1::TokenBroker;

class Hello final : public http::Handler {
  std::unique_ptr<http::Exchange> Start(http::RequestHead) override {
    class One final : public http::Exchange {
      absl::Status OnBody(std::string_view) override { return absl::OkStatus(); }
      void OnEnd(Respond respond) override { respond({200, {}, "hello over HTTP", nullptr}); }
    };
    return std::make_unique<One>();
  }
  uint64_t BodyLimit(const http::RequestHead&) const override { return 0; }
};

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    http::ServerOptions options;
    options.on_http2 = [this](int descriptor) { admin_->Take(descriptor); };
    http_ = http::StartServer(std::move(options), hello_).value();
  }
  ~AdminServerTest() override { http_->Stop(std::chrono::seconds(0)); }

  const std::unique_ptr<AdminServer> admin_ =
      AdminServer::Start({TokenBroker::service_full_name()}, "port 50051").value();
  Hello hello_;
  std::unique_ptr<http::Server> http_;
};

TEST_F(AdminServerTest, OnePortSpeaksHttpAndGrpc) {
  const auto client = http::MakeCurlClient({});
  const std::string url = "http://127.0.0.1:" + std::to_string(http_->port()) + "/";
  RawGrpc caller(http_->port());

  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sluice::testing::Fetch(*client, {"GET", url, {}, ""})->body, "hello over HTTP");
    EXPECT_TRUE(caller.Call(kHealthCheck, "").status.ok());
  }
}

TEST_F(AdminServerTest, ReflectionListsAndDescribesTheServicesGiven) {
  RawGrpc caller(http_->port());

  const RawGrpc::Answer list = caller.Call(kReflect, kListServices);  // list_services
  const std::string symbol = "sluice.token.v1.TokenBroker.IssueToken";
  const RawGrpc::Answer described =
      caller.Call(kReflect, "\x22" + std::string(1, static_cast<char>(symbol.size())) + symbol);

  EXPECT_TRUE(list.status.ok()) << list.status.error_message();
  for (const char* service : {"sluice.token.v1.TokenBroker", "grpc.reflection.v1alpha.ServerReflection",
                              "grpc.channelz.v1.Channelz", "grpc.health.v1.Health"})
    EXPECT_THAT(list.bytes, HasSubstr(service));
  EXPECT_THAT(described.bytes, HasSubstr("IssueTokenRequest"));
  EXPECT_THAT(described.bytes, HasSubstr("sluice/token/v1/token_broker.proto"));
}

TEST_F(AdminServerTest, ChannelzKnowsTheServersOfTheProcess) {
  GrpcServer served({"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 1, 1024});
  ASSERT_THAT(served.Start(), IsOk());

  const RawGrpc::Answer servers = RawGrpc(http_->port()).Call(kChannelzServers, "");

  EXPECT_TRUE(servers.status.ok()) << servers.status.error_message();
  EXPECT_THAT(servers.bytes, HasSubstr("listener ipv4:127.0.0.1"));
}

TEST_F(AdminServerTest, ADescribedServiceIsNotServedAndTheAnswerSaysWhere) {
  auto stub = TokenBroker::NewStub(RawGrpc(http_->port()).channel());
  grpc::ClientContext context;
  token::v1::IssueTokenResponse answer;

  const grpc::Status status = stub->IssueToken(&context, {}, &answer);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("port 50051"));
}

TEST_F(AdminServerTest, HealthSaysWhatItWasTold) {
  RawGrpc caller(http_->port());
  EXPECT_EQ(caller.Call(kHealthCheck, "").bytes, kNotServing);

  admin_->SetServing(true);
  EXPECT_EQ(caller.Call(kHealthCheck, "").bytes, kServing);

  admin_->SetServing(false);
  EXPECT_EQ(caller.Call(kHealthCheck, "").bytes, kNotServing);
}

TEST_F(AdminServerTest, ThePublicPortOffersNeither) {
  GrpcServer served({"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 1, 1024});
  ASSERT_THAT(served.Start(), IsOk());
  RawGrpc caller(served.port());

  EXPECT_TRUE(caller.Call(kHealthCheck, "").status.ok());
  EXPECT_EQ(caller.Call(kReflect, kListServices).status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(caller.Call(kChannelzServers, "").status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(AdminServerTest, AnythingAfterThePrefaceEndsThatConnectionOnly) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (const std::string& rest :
       {std::string(), std::string("GET / HTTP/1.1\r\n\r\n"), std::string(300, '\xff'),
        std::string("\x7f\xff\xff\x04\x00\x00\x00\x00\x00", 9)})
    (void)sluice::testing::RawExchange(http_->port(), preface + rest);

  EXPECT_TRUE(RawGrpc(http_->port()).Call(kHealthCheck, "").status.ok());
}

TEST_F(AdminServerTest, StreamsLeftOpenTakeNothingFromOthers) {
  struct Stream {
    std::shared_ptr<grpc::Channel> channel;
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
  };
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Stream>> streams;
  void* tag = nullptr;
  bool ok = false;
  for (int i = 0; i < 60; ++i) {
    Stream& one = *streams.emplace_back(std::make_unique<Stream>());
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection each
    one.channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(http_->port()),
                                            grpc::InsecureChannelCredentials(), arguments);
    one.call = grpc::GenericStub(one.channel).PrepareCall(&one.context, kReflect, &queue);
    one.call->StartCall(nullptr);
    ASSERT_TRUE(queue.Next(&tag, &ok));
  }

  EXPECT_TRUE(RawGrpc(http_->port()).Call(kHealthCheck, "").status.ok());
  const grpc::StatusCode more = RawGrpc(http_->port()).Call(kReflect, kListServices).status.error_code();
  EXPECT_TRUE(more == grpc::StatusCode::OK || more == grpc::StatusCode::RESOURCE_EXHAUSTED) << more;

  for (const auto& stream : streams) {
    grpc::Status status;
    stream->context.TryCancel();
    stream->call->Finish(&status, nullptr);
    ASSERT_TRUE(queue.Next(&tag, &ok));
  }
  EXPECT_TRUE(RawGrpc(http_->port()).Call(kHealthCheck, "").status.ok());
}

TEST_F(AdminServerTest, OnceStoppedItClosesWhatItIsGiven) {
  RawGrpc caller(http_->port());
  ASSERT_TRUE(caller.Call(kHealthCheck, "").status.ok());
  admin_->Stop();
  admin_->Stop();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);

  admin_->Take(pair[0]);

  char byte = 0;
  EXPECT_EQ(read(pair[1], &byte, 1), 0);
  close(pair[1]);
  EXPECT_EQ(caller.Call(kHealthCheck, "").status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(AdminServerStartTest, AServiceThatIsNotCompiledInIsRefused) {
  EXPECT_THAT(AdminServer::Start({"sluice.token.v1.Nobody"}, "x"),
              FailsWith(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN"));
}

}  // namespace
}  // namespace sluice::rpc
