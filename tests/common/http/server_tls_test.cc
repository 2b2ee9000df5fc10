// SPDX-License-Identifier: Apache-2.0
// The HTTP server over TLS, and its files that change.
#include "common/http/server.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificate.h"
#include "tests/support/tls_client.h"

namespace sluice::http {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::TempDir;
using sluice::testing::TestCertificate;
using sluice::testing::TlsClient;
using ::testing::HasSubstr;
using ::testing::Not;

// Answers with the caller's certificate, and a full stop.
class Mirror final : public Handler {
  std::unique_ptr<Exchange> Start(RequestHead head) override {
    class One final : public Exchange {
     public:
      explicit One(std::string text) : text_(std::move(text)) {}
      absl::Status OnBody(std::string_view) override { return absl::OkStatus(); }
      void OnEnd(Respond respond) override { respond({200, {}, text_, nullptr}); }

     private:
      const std::string text_;
    };
    return std::make_unique<One>("certificate:" + head.client_certificate + ".");
  }
  uint64_t BodyLimit(const RequestHead&) const override { return 0; }
};

constexpr char kGet[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class ServerTlsTest : public ::testing::Test {
 protected:
  void Use(const TestCertificate& pair) {
    dir_.Write("crt", pair.certificate);
    dir_.Write("key", pair.key);
  }
  void Serve(bool ask_clients = false) {
    ServerOptions options;
    options.tls = TlsFiles{dir_.Path("crt"), dir_.Path("key"), ask_clients ? dir_.Path("clients") : ""};
    server_ = StartServer(std::move(options), mirror_).value();
  }

  const TempDir dir_;
  const TestCertificate first_;
  const TestCertificate second_;
  Mirror mirror_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTlsTest, ReloadedFilesServeNewConnectionsAndOldOnesLiveOn) {
  Use(first_);
  Serve();
  TlsClient old(server_->port());
  ASSERT_TRUE(old.ok());
  EXPECT_EQ(old.peer(), first_.certificate);
  const TestCertificate leaf("DNS:localhost,IP:127.0.0.1", 3600, &second_);
  Use(leaf);
  dir_.Write("crt", leaf.certificate + second_.certificate);

  EXPECT_THAT(server_->ReloadTls(), IsOk());

  TlsClient fresh(server_->port());
  EXPECT_EQ(fresh.peer(), leaf.certificate);
  EXPECT_EQ(fresh.chain_length(), 2);
  EXPECT_THAT(fresh.Ask(kGet, "."), HasSubstr("200 OK"));
  EXPECT_THAT(old.Ask(kGet, "."), HasSubstr("200 OK"));
}

TEST_F(ServerTlsTest, BadNewFilesAreRefusedAndTheOldOnesServe) {
  Use(first_);
  Serve();
  for (const auto& [certificate, key] :
       {std::pair(second_.certificate, first_.key), std::pair(std::string("x"), first_.key),
        std::pair(second_.certificate, second_.key.substr(0, 60)), std::pair(std::string(), std::string())}) {
    dir_.Write("crt", certificate);
    dir_.Write("key", key);

    EXPECT_THAT(server_->ReloadTls(), FailsWith(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID"));
    EXPECT_EQ(TlsClient(server_->port()).peer(), first_.certificate);
  }
  Use(second_);
  EXPECT_THAT(server_->ReloadTls(), IsOk());
  EXPECT_EQ(TlsClient(server_->port()).peer(), second_.certificate);
}

TEST_F(ServerTlsTest, WithoutTlsThereIsNothingToReload) {
  EXPECT_THAT(StartServer({}, mirror_).value()->ReloadTls(), IsOk());
}

class ClientCertificateTest : public ServerTlsTest {
 protected:
  ClientCertificateTest() {
    Use(first_);
    dir_.Write("clients", alice_.certificate);
    dir_.Write("alice.pem", alice_.certificate + alice_.key);
    dir_.Write("bob.pem", bob_.certificate + bob_.key);
    Serve(true);
  }
  const TestCertificate alice_{"URI:spiffe://acme/alice"};
  const TestCertificate bob_{"URI:spiffe://acme/bob"};
};

TEST_F(ClientCertificateTest, IsKnownWhenVerifiedAndNotDemanded) {
  EXPECT_THAT(TlsClient(server_->port(), dir_.Path("alice.pem")).Ask(kGet, "."),
              HasSubstr(alice_.certificate));
  EXPECT_THAT(TlsClient(server_->port()).Ask(kGet, "."), HasSubstr("certificate:."));
  EXPECT_EQ(TlsClient(server_->port(), dir_.Path("bob.pem")).Ask(kGet, "."), "");
}

TEST_F(ClientCertificateTest, IsKnownOnAResumedSessionToo) {
  TlsClient one(server_->port(), dir_.Path("alice.pem"));
  ASSERT_THAT(one.Ask(kGet, "."), HasSubstr(alice_.certificate));

  TlsClient again(server_->port(), dir_.Path("alice.pem"), one.session());

  EXPECT_TRUE(again.resumed());
  EXPECT_THAT(again.Ask(kGet, "."), HasSubstr(alice_.certificate));
}

TEST_F(ClientCertificateTest, AuthoritiesThatWereTakenAwayEndResumptionToo) {
  TlsClient one(server_->port(), dir_.Path("alice.pem"));
  ASSERT_THAT(one.Ask(kGet, "."), HasSubstr(alice_.certificate));
  dir_.Write("clients", bob_.certificate);
  ASSERT_THAT(server_->ReloadTls(), IsOk());

  EXPECT_THAT(TlsClient(server_->port(), dir_.Path("alice.pem"), one.session()).Ask(kGet, "."),
              Not(HasSubstr(alice_.certificate)));
  EXPECT_THAT(TlsClient(server_->port(), dir_.Path("bob.pem")).Ask(kGet, "."), HasSubstr(bob_.certificate));
}

}  // namespace
}  // namespace sluice::http
