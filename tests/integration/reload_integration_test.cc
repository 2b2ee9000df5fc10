// SPDX-License-Identifier: Apache-2.0
// A running broker follows its config and the files that it names, whole or not at all.
#include <atomic>
#include <future>
#include <thread>

#include "clients/cpp/token_client.h"
#include "common/base/status.h"
#include "common/http/curl_client.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/key_pem.h"
#include "tests/support/loopback.h"
#include "tests/support/scrape.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"
#include "tests/support/tls_client.h"

namespace sluice::testing {
namespace {

using token::v1::IssueTicketRequest;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;

constexpr char kSecondGrant[] = R"(
- name: papers
  who: [{provider: sandbox}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: http://127.0.0.1:1
  prefix: uploads/papers/{subject}/
  operations: [UPLOAD]
)";

class ReloadTest : public ::testing::Test {
 protected:
  void Start(Stack::Options options = {}) { stack_ = std::make_unique<Stack>(std::move(options)); }

  std::unique_ptr<client::TokenClient> ClientOf(const std::string& jwt, const std::string& ticket = "") {
    client::TokenClientOptions options;
    options.address = stack_->broker_grpc();
    options.jwt = SecretString(jwt);
    options.ticket = SecretString(ticket);
    return client::TokenClient::Make(options).value();
  }
  absl::Status Issue(const std::string& grant) {
    IssueTokenRequest request;
    request.set_grant(grant);
    return ClientOf(stack_->Mint("alice"))->Ask(request, Soon()).status();
  }
  static Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

  double Reloads(const std::string& what, const std::string& result) {
    auto http = http::MakeCurlClient({});
    const auto answer = Fetch(*http, {"GET", stack_->admin() + "/metrics", {}, "", nullptr, nullptr});
    const Scrape scrape(answer->body);
    EXPECT_EQ(scrape.fault(), "");
    return scrape.Value("sluice_reloads_total{what=\"" + what + "\",result=\"" + result + "\"}").value_or(-1);
  }

  std::unique_ptr<Stack> stack_;
};

TEST_F(ReloadTest, AGrantComesAndGoesWithTheFile) {
  Start();
  stack_->Follow();
  EXPECT_THAT(Issue("papers"), FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));

  stack_->WriteFile("broker.yaml", stack_->config() + kSecondGrant);
  stack_->log().Await("\"reloaded\"", 1);
  EXPECT_THAT(Issue("papers"), IsOk());

  stack_->WriteFile("broker.yaml", stack_->config());
  stack_->log().Await("\"reloaded\"", 2);
  EXPECT_THAT(Issue("papers"), FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  EXPECT_THAT(Issue("photos"), IsOk());
  EXPECT_EQ(Reloads("config", "ok"), 2);
}

TEST_F(ReloadTest, ABadConfigIsRefusedWithItsReasonAndTheOldOneServesOn) {
  Start();
  broker::Reloader& reloader = stack_->Follow();

  stack_->WriteFile("broker.yaml", stack_->config() + "nonsense: true\n");
  stack_->log().Await("CONFIG_INVALID", 1);
  EXPECT_THAT(Issue("photos"), IsOk());

  std::string moved = stack_->config();
  moved.replace(moved.find("region: cn-hangzhou"), 19, "region: cn-shanghai");
  stack_->WriteFile("broker.yaml", moved);
  stack_->log().Await("RESTART_NEEDED", 1);
  EXPECT_THAT(Issue("photos"), IsOk());
  EXPECT_EQ(Reloads("config", "failed"), 2);

  stack_->WriteFile("broker.yaml", stack_->config());
  stack_->log().Await("\"reloaded\"", 1);
  reloader.Ask();
  stack_->log().Await("\"reloaded\"", 3);  // of config and of TLS
}

TEST_F(ReloadTest, TicketsOutliveAReloadAlsoWithAKeyOfTheProcessAlone) {
  Start();
  stack_->Follow();
  IssueTicketRequest request;
  request.set_grant("photos");
  const auto ticket = ClientOf(stack_->Mint("alice"))->Ask(request, Soon());
  ASSERT_THAT(ticket, IsOk());

  stack_->WriteFile("broker.yaml", stack_->config() + kSecondGrant);
  stack_->log().Await("\"reloaded\"", 1);

  EXPECT_THAT(ClientOf("", ticket->ticket())->Ask(IssueTokenRequest(), Soon()).status(), IsOk());
}

TEST_F(ReloadTest, ANewLimitOfLoadHoldsFromThenOn) {
  Start();
  stack_->Follow();
  stack_->WriteFile("broker.yaml", stack_->config() + "load: {subject_calls_per_second: 1}\n");
  stack_->log().Await("\"reloaded\"", 1);

  EXPECT_THAT(Issue("photos"), IsOk());
  EXPECT_THAT(Issue("photos"), IsOk());
  const absl::Status refused = Issue("photos");
  EXPECT_THAT(refused, FailsWith(absl::StatusCode::kResourceExhausted, "SUBJECT_RATE_EXCEEDED"));
  EXPECT_TRUE(RetryDelay(refused));
}

TEST_F(ReloadTest, ACallThatWaitsEndsInTheConfigThatItBeganIn) {
  Start();
  stack_->Follow();
  ASSERT_TRUE(stack_->sandbox().faults().Arm("service=sts&kind=stall").ok());
  const auto client = ClientOf(stack_->Mint("alice"));
  std::promise<absl::Status> ended;
  client->Ask(IssueTokenRequest(), Soon(), {},
              [&](absl::StatusOr<IssueTokenResponse> answer) { ended.set_value(answer.status()); });
  while (stack_->sandbox().stats().Read().most_received_in_a_second == 0) std::this_thread::yield();

  std::string without = stack_->config();
  without.replace(without.find("- name: photos"), 14, "- name: images");
  stack_->WriteFile("broker.yaml", without);
  stack_->log().Await("\"reloaded\"", 1);
  stack_->broker().Reap();
  stack_->sandbox().faults().Clear("sts", std::nullopt);

  EXPECT_THAT(ended.get_future().get(), IsOk());
  EXPECT_THAT(Issue("photos"), FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  EXPECT_THAT(Issue("images"), IsOk());
  stack_->broker().Reap();  // now also the config that the call ended in
  EXPECT_THAT(Issue("images"), IsOk());
}

TEST_F(ReloadTest, NoCallIsLostWhileConfigsComeAndGo) {
  Stack::Options options;
  options.more = "load: {subject_calls_per_second: 100000}\n";
  Start(std::move(options));
  stack_->Follow();
  std::atomic<bool> enough = false;
  std::vector<std::thread> callers;
  std::atomic<int> served = 0;
  for (const char* subject : {"alice", "bob"}) {
    callers.emplace_back([&, client = ClientOf(stack_->Mint(subject))] {
      while (!enough) {
        EXPECT_THAT(client->Ask(IssueTokenRequest(), Soon()), IsOk());
        ++served;
      }
    });
  }

  constexpr int kReloads = 8;
  for (int i = 1; i <= kReloads; ++i) {
    const int before = served;
    while (served < before + 10) std::this_thread::yield();
    stack_->WriteFile("broker.yaml", stack_->config() + "drain: {grace: " + std::to_string(i) + "s}\n");
    stack_->log().Await("\"reloaded\"", i);
    stack_->broker().Reap();
  }
  enough = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(stack_->broker().settings().drain_grace, std::chrono::seconds(kReloads));
  EXPECT_EQ(Reloads("config", "ok"), kReloads);
  EXPECT_EQ(Reloads("config", "failed"), 0);
}

TEST_F(ReloadTest, CertificatesFollowTheirFilesAndAHalfWrittenPairIsRefused) {
  const TestCertificate first("DNS:localhost,IP:127.0.0.1");
  const TestCertificate second("IP:127.0.0.1");
  Stack::Options options;
  options.files = {{"server.crt", first.certificate}, {"server.key", first.key}};
  options.tls = "tls: {cert_file: TEST_DIRserver.crt, key_file: TEST_DIRserver.key}";
  Start(options);
  stack_->Follow();
  const auto shown = [&] {
    return std::vector{TlsClient(stack_->broker().grpc_port()).peer(),
                       TlsClient(stack_->broker().http_port()).peer()};
  };
  ASSERT_EQ(shown(), (std::vector{first.certificate, first.certificate}));

  stack_->WriteFile("server.crt", second.certificate);
  stack_->log().Await("TLS_FILES_INVALID", 1);
  EXPECT_EQ(shown(), (std::vector{first.certificate, first.certificate}));
  stack_->WriteFile("server.key", second.key);
  stack_->log().Await("\"reloaded\"", 1);

  EXPECT_EQ(shown(), (std::vector{second.certificate, second.certificate}));
}

TEST_F(ReloadTest, KeysInAJwksFileFollowIt) {
  const JwtMaker before("ES256", "k1");
  const JwtMaker after("ES256", "k2");
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const boost::json::object claims{
      {"iss", "https://id.example.com"}, {"aud", "sluice"}, {"sub", "alice"}, {"exp", now.count() + 600}};
  Stack::Options options;
  options.files = {{"jwks.json", before.Jwks()}};
  options.providers =
      ", {name: app, jwt: {issuer: 'https://id.example.com', audience: [sluice], jwks_file: "
      "TEST_DIRjwks.json}}";
  options.more = R"(- name: app
  who: [{provider: app}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  prefix: uploads/app/{subject}/
  operations: [UPLOAD]
)";
  Start(options);
  stack_->Follow();
  const auto issue = [&](const JwtMaker& maker) {
    return ClientOf(maker.Token(claims))->Ask(IssueTokenRequest(), Soon()).status();
  };
  ASSERT_THAT(issue(before), IsOk());  // verified, and remembered

  stack_->WriteFile("jwks.json", after.Jwks());
  stack_->log().Await("\"jwks\"", 1);

  EXPECT_THAT(issue(after), IsOk());
  EXPECT_THAT(issue(before), FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
}

TEST_F(ReloadTest, ATicketRingTurnsAndOldTicketsStillOpen) {
  Stack::Options options;
  options.files = {{"ring.pem", NewKeyPem("ED25519")}};
  options.keys = "{ticket: [{id: k1, key: 'file:ring.pem'}]}";
  Start(options);
  stack_->Follow();
  IssueTicketRequest request;
  request.set_grant("photos");
  const auto ticket = ClientOf(stack_->Mint("alice"))->Ask(request, Soon());
  ASSERT_THAT(ticket, IsOk());
  const auto open = [&] { return ClientOf("", ticket->ticket())->Ask(IssueTokenRequest(), Soon()).status(); };

  stack_->WriteFile("next.pem", NewKeyPem("ED25519"));
  std::string turned = stack_->config();
  turned.replace(turned.find("[{id: k1"), 8, "[{id: k2, key: 'file:next.pem'}, {id: k1");
  stack_->WriteFile("broker.yaml", turned);
  stack_->log().Await("\"reloaded\"", 1);
  EXPECT_THAT(open(), IsOk());
  const auto fresh = ClientOf(stack_->Mint("alice"))->Ask(request, Soon());
  ASSERT_THAT(fresh, IsOk());

  // The file alone changes: the ring follows, and what the old key signed is refused.
  stack_->WriteFile("ring.pem", NewKeyPem("ED25519"));
  stack_->log().Await("\"keys\"", 1);
  EXPECT_THAT(open(), FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_REJECTED"));
  // What was signed since the turn is of the new key, which is as it was.
  EXPECT_THAT(ClientOf("", fresh->ticket())->Ask(IssueTokenRequest(), Soon()), IsOk());
}

}  // namespace
}  // namespace sluice::testing
