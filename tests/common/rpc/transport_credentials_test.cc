// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/transport_credentials.h"

#include "common/rpc/grpc_server.h"
#include "grpc/grpc_security_constants.h"
#include "gtest/gtest.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificate.h"

namespace sluice::rpc {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::TempDir;
using sluice::testing::TestCertificate;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;
using token::v1::TokenBroker;

using Service = TokenBroker::WithRawMethod_IssueToken<TokenBroker::Service>;

class ServerTlsTest : public ::testing::Test {
 protected:
  // Who answered, and whom it saw.
  struct Met {
    grpc::Status status;
    std::string server;
    std::string client;
  };
  class Client {
   public:
    Client(int port, const std::string& trusted, const TestCertificate* own = nullptr) {
      grpc::SslCredentialsOptions options;
      options.pem_root_certs = trusted;
      if (own != nullptr) {
        options.pem_private_key = own->key;
        options.pem_cert_chain = own->certificate;
      }
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or it would share another one's connection
      stub_ = TokenBroker::NewStub(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                                             grpc::SslCredentials(options), arguments));
    }
    Met Call() {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
      IssueTokenResponse answer;
      Met out{stub_->IssueToken(&context, {}, &answer), "", answer.grant_id()};
      if (const auto peer = context.auth_context())
        for (const auto& pem : peer->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME))
          out.server = std::string(pem.data(), pem.size());
      return out;
    }

   private:
    std::unique_ptr<TokenBroker::Stub> stub_;
  };

  void Use(const TestCertificate& pair) {
    dir_.Write("crt", pair.certificate);
    dir_.Write("key", pair.key);
  }
  void Serve(bool ask_clients = false) {
    tls_ = ServerTls::Load(
               {dir_.Path("crt"), dir_.Path("key"), ask_clients ? dir_.Path("clients") : std::string()})
               .value();
    server_ = std::make_unique<GrpcServer>(
        GrpcServerOptions{"127.0.0.1:0", tls_->credentials(), true, 1, 64 * 1024, true});
    server_->AddService(service_);
    server_->AddMethod<IssueTokenRequest, IssueTokenResponse>(
        service_, &Service::RequestIssueToken, [](const IssueTokenRequest&, CallContext context, auto done) {
          IssueTokenResponse answer;
          answer.set_grant_id(context.client_certificate);
          done(answer);
        });
    ASSERT_THAT(server_->Start(), IsOk());
  }

  const TempDir dir_;
  const TestCertificate first_{"DNS:first,IP:127.0.0.1"};
  const TestCertificate second_{"DNS:second,IP:127.0.0.1"};
  const std::string both_ = first_.certificate + second_.certificate;
  Service service_;
  std::unique_ptr<ServerTls> tls_;
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(ServerTlsTest, ReloadedFilesServeNewConnectionsAndOldOnesLiveOn) {
  Use(first_);
  Serve();
  Client old(server_->port(), both_);
  ASSERT_EQ(old.Call().server, first_.certificate);
  const TestCertificate leaf("DNS:leaf,IP:127.0.0.1", 3600, &second_);
  dir_.Write("crt", leaf.certificate + second_.certificate);
  dir_.Write("key", leaf.key);

  ASSERT_THAT(tls_->Reload(), IsOk());

  EXPECT_EQ(Client(server_->port(), second_.certificate).Call().server, leaf.certificate);
  EXPECT_TRUE(old.Call().status.ok());
  EXPECT_EQ(old.Call().server, first_.certificate);
  EXPECT_FALSE(Client(server_->port(), first_.certificate).Call().status.ok());
}

TEST_F(ServerTlsTest, BadNewFilesAreRefusedAndTheOldOnesServe) {
  Use(first_);
  Serve();
  for (const auto& [certificate, key] :
       {std::pair(second_.certificate, first_.key), std::pair(std::string("x"), first_.key),
        std::pair(second_.certificate, second_.key.substr(0, 60)), std::pair(std::string(), std::string())}) {
    dir_.Write("crt", certificate);
    dir_.Write("key", key);

    EXPECT_THAT(tls_->Reload(), FailsWith(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID"));
    EXPECT_EQ(Client(server_->port(), both_).Call().server, first_.certificate);
  }
  Use(second_);
  ASSERT_THAT(tls_->Reload(), IsOk());
  EXPECT_EQ(Client(server_->port(), both_).Call().server, second_.certificate);
}

TEST_F(ServerTlsTest, ManyReloadsAmongManyHandshakes) {
  Use(first_);
  Serve();
  for (int i = 0; i < 10; ++i) {
    const TestCertificate& now = i % 2 == 0 ? second_ : first_;
    Use(now);
    ASSERT_THAT(tls_->Reload(), IsOk());
    ASSERT_THAT(tls_->Reload(), IsOk());
    EXPECT_EQ(Client(server_->port(), both_).Call().server, now.certificate);
    EXPECT_EQ(Client(server_->port(), both_).Call().server, now.certificate);
  }
}

TEST_F(ServerTlsTest, ClientCertificatesAreVerifiedNotDemandedAndTheirAuthoritiesReloaded) {
  const TestCertificate alice("URI:spiffe://acme/alice");
  const TestCertificate bob("URI:spiffe://acme/bob");
  Use(first_);
  dir_.Write("clients", alice.certificate);
  Serve(true);
  const auto call = [&](const TestCertificate* own) { return Client(server_->port(), both_, own).Call(); };
  EXPECT_EQ(call(&alice).client, alice.certificate);
  EXPECT_FALSE(call(&bob).status.ok());
  EXPECT_TRUE(call(nullptr).status.ok());
  EXPECT_EQ(call(nullptr).client, "");
  dir_.Write("clients", bob.certificate);

  ASSERT_THAT(tls_->Reload(), IsOk());

  EXPECT_EQ(call(&bob).client, bob.certificate);
  EXPECT_FALSE(call(&alice).status.ok());
  EXPECT_TRUE(call(nullptr).status.ok());
}

TEST_F(ServerTlsTest, TheCredentialsServeWithoutTheirMaker) {
  Use(first_);
  Serve();

  tls_.reset();

  EXPECT_EQ(Client(server_->port(), both_).Call().server, first_.certificate);
}

TEST_F(ServerTlsTest, ListensOnOneAddressAndNotOnAName) {
  Use(first_);
  const auto tls = ServerTls::Load({dir_.Path("crt"), dir_.Path("key"), ""}).value();
  for (const char* address : {"localhost:0", "127.0.0.1:0", "0.0.0.0:0"}) {
    GrpcServer server({address, tls->credentials(), true, 1, 64 * 1024});
    EXPECT_THAT(server.Start(), IsOk()) << address;
  }
  for (const char* address : {"localhost.localdomain:0", "ip6-localhost:0", "127.0.0.1"}) {
    GrpcServer server({address, tls->credentials(), true, 1, 64 * 1024});
    EXPECT_THAT(server.Start(), FailsWith(absl::StatusCode::kUnavailable, "LISTEN_FAILED")) << address;
  }
}

TEST_F(ServerTlsTest, BadFilesAreRefusedBeforeAnyHandshake) {
  const std::string text = dir_.Write("text.pem", "hello");

  for (const http::TlsFiles& files :
       {http::TlsFiles{dir_.Path("absent"), text, ""}, http::TlsFiles{text, text, ""}}) {
    EXPECT_THAT(ServerTls::Load(files), FailsWith(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID"));
  }
}

}  // namespace
}  // namespace sluice::rpc
