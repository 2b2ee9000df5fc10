// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/admin_server.h"

#include <sys/socket.h>

#include "common/http/curl_client.h"
#include "common/http/server.h"
#include "common/rpc/grpc_server.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"

namespace sluice::rpc {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;
using token::v1::TokenBroker;

constexpr char kReflect[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kServers[] = "/grpc.channelz.v1.Channelz/GetServers";
constexpr char kHealth[] = "/grpc.health.v1.Health/Check";

// One message to any method and the first one back, as bytes.
struct Raw {
  grpc::Status status;
  std::string answer;
};

class Caller {
 public:
  explicit Caller(int port)
      : channel_(
            grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials())) {}

  Raw Call(const std::string& method, const std::string& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    grpc::CompletionQueue queue;
    const grpc::Slice slice(request);
    const grpc::ByteBuffer bytes(&slice, 1);
    grpc::ByteBuffer back;
    Raw out;
    auto stream = grpc::GenericStub(channel_).PrepareCall(&context, method, &queue);
    const auto await = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      EXPECT_TRUE(queue.Next(&tag, &ok));
      return ok;
    };
    stream->StartCall(nullptr);
    await();
    stream->WriteLast(bytes, grpc::WriteOptions(), nullptr);
    await();
    stream->Read(&back, nullptr);
    const bool got = await();
    stream->Finish(&out.status, nullptr);
    await();
    if (got) {
      std::vector<grpc::Slice> slices;
      EXPECT_TRUE(back.Dump(&slices).ok());
      for (const grpc::Slice& piece : slices)
        out.answer.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
    }
    return out;
  }

  std::unique_ptr<TokenBroker::Stub> Broker() { return TokenBroker::NewStub(channel_); }

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

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
  Caller caller(http_->port());

  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(sluice::testing::Fetch(*client, {"GET", url, {}, ""})->body, "hello over HTTP");
    EXPECT_TRUE(caller.Call(kHealth, "").status.ok());
  }
}

TEST_F(AdminServerTest, ReflectionListsAndDescribesTheServicesGiven) {
  Caller caller(http_->port());

  const Raw list = caller.Call(kReflect, std::string("\x3a\x01*"));  // list_services
  const std::string symbol = "sluice.token.v1.TokenBroker.IssueToken";
  const Raw described =
      caller.Call(kReflect, "\x22" + std::string(1, static_cast<char>(symbol.size())) + symbol);

  EXPECT_TRUE(list.status.ok()) << list.status.error_message();
  for (const char* service : {"sluice.token.v1.TokenBroker", "grpc.reflection.v1alpha.ServerReflection",
                              "grpc.channelz.v1.Channelz", "grpc.health.v1.Health"})
    EXPECT_THAT(list.answer, HasSubstr(service));
  EXPECT_THAT(described.answer, HasSubstr("IssueTokenRequest"));
  EXPECT_THAT(described.answer, HasSubstr("sluice/token/v1/token_broker.proto"));
}

TEST_F(AdminServerTest, ChannelzKnowsTheServersOfTheProcess) {
  GrpcServer served({"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 1, 1024});
  ASSERT_THAT(served.Start(), IsOk());

  const Raw servers = Caller(http_->port()).Call(kServers, "");

  EXPECT_TRUE(servers.status.ok()) << servers.status.error_message();
  EXPECT_THAT(servers.answer, HasSubstr("listener ipv4:127.0.0.1"));
}

TEST_F(AdminServerTest, ADescribedServiceIsNotServedAndTheAnswerSaysWhere) {
  auto stub = Caller(http_->port()).Broker();
  grpc::ClientContext context;
  token::v1::IssueTokenResponse answer;

  const grpc::Status status = stub->IssueToken(&context, {}, &answer);

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("port 50051"));
}

TEST_F(AdminServerTest, HealthSaysWhatItWasTold) {
  Caller caller(http_->port());
  EXPECT_EQ(caller.Call(kHealth, "").answer, "\x08\x02");

  admin_->SetServing(true);
  EXPECT_EQ(caller.Call(kHealth, "").answer, "\x08\x01");

  admin_->SetServing(false);
  EXPECT_EQ(caller.Call(kHealth, "").answer, "\x08\x02");
}

TEST_F(AdminServerTest, ThePublicPortOffersNeither) {
  GrpcServer served({"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 1, 1024});
  ASSERT_THAT(served.Start(), IsOk());
  Caller caller(served.port());

  EXPECT_TRUE(caller.Call(kHealth, "").status.ok());
  EXPECT_EQ(caller.Call(kReflect, std::string("\x3a\x01*")).status.error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(caller.Call(kServers, "").status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(AdminServerTest, AnythingAfterThePrefaceEndsThatConnectionOnly) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (const std::string& rest :
       {std::string(), std::string("GET / HTTP/1.1\r\n\r\n"), std::string(300, '\xff'),
        std::string("\x7f\xff\xff\x04\x00\x00\x00\x00\x00", 9)})
    (void)sluice::testing::RawExchange(http_->port(), preface + rest);

  EXPECT_TRUE(Caller(http_->port()).Call(kHealth, "").status.ok());
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

  EXPECT_TRUE(Caller(http_->port()).Call(kHealth, "").status.ok());
  const grpc::StatusCode more =
      Caller(http_->port()).Call(kReflect, std::string("\x3a\x01*")).status.error_code();
  EXPECT_TRUE(more == grpc::StatusCode::OK || more == grpc::StatusCode::RESOURCE_EXHAUSTED) << more;

  for (const auto& stream : streams) {
    grpc::Status status;
    stream->context.TryCancel();
    stream->call->Finish(&status, nullptr);
    ASSERT_TRUE(queue.Next(&tag, &ok));
  }
  EXPECT_TRUE(Caller(http_->port()).Call(kHealth, "").status.ok());
}

TEST_F(AdminServerTest, OnceStoppedItClosesWhatItIsGiven) {
  Caller caller(http_->port());
  ASSERT_TRUE(caller.Call(kHealth, "").status.ok());
  admin_->Stop();
  admin_->Stop();
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);

  admin_->Take(pair[0]);

  char byte = 0;
  EXPECT_EQ(read(pair[1], &byte, 1), 0);
  close(pair[1]);
  EXPECT_EQ(caller.Call(kHealth, "").status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(AdminServerStartTest, AServiceThatIsNotCompiledInIsRefused) {
  EXPECT_THAT(AdminServer::Start({"sluice.token.v1.Nobody"}, "x"),
              FailsWith(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN"));
}

}  // namespace
}  // namespace sluice::rpc
