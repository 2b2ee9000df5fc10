// SPDX-License-Identifier: Apache-2.0
// Callers known by the certificate of their connection.
#include <openssl/ssl.h>

#include "clients/cpp/token_client.h"
#include "gtest/gtest.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"

namespace sluice {
namespace {

using client::TokenClient;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::Stack;
using sluice::testing::TestCertificate;

constexpr char kGrants[] = R"(
- name: mesh
  who: [{provider: mesh, claims: {uri: spiffe://acme/web}}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  operations: [UPLOAD]
  conditions: {tls_only: true}
)";

class CertificateIntegrationTest : public ::testing::Test {
 protected:
  CertificateIntegrationTest() {
    Stack::Options options;
    options.grants = kGrants;
    options.tls =
        "tls: {cert_file: TEST_DIRserver.crt, key_file: TEST_DIRserver.key, client_ca_file: "
        "TEST_DIRclients.crt}";
    options.providers = ", {name: mesh, certificate: {subject: URI}}";
    options.files = {{"server.crt", server_.certificate},
                     {"server.key", server_.key},
                     {"clients.crt", web_.certificate + twin_.certificate},
                     {"web.pem", web_.certificate + web_.key},
                     {"twin.pem", twin_.certificate + twin_.key},
                     {"stranger.pem", stranger_.certificate + stranger_.key}};
    stack_ = std::make_unique<Stack>(std::move(options));
  }
  absl::StatusOr<token::v1::IssueTokenResponse> IssueWith(const std::string& certificate,
                                                          const std::string& jwt = "") {
    client::TokenClientOptions options{"https://" + stack_->broker_grpc(), SecretString(jwt),
                                       stack_->Path("server.crt")};
    if (!certificate.empty()) options.client_cert_file = options.client_key_file = stack_->Path(certificate);
    return TokenClient::Make(options).value()->Ask(token::v1::IssueTokenRequest(),
                                                   Deadline::After(std::chrono::seconds(10)));
  }
  const TestCertificate server_;
  const TestCertificate web_{"URI:spiffe://acme/web"};
  const TestCertificate twin_{"URI:spiffe://acme/a,URI:spiffe://acme/b"};
  const TestCertificate stranger_{"URI:spiffe://acme/web"};
  std::unique_ptr<Stack> stack_;
};

TEST_F(CertificateIntegrationTest, ItsUriIsTheCaller) {
  const auto token = IssueWith("web.pem");
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ(token->scope().prefix(), "uploads/spiffe=3A=2F=2Facme=2Fweb/");
  EXPECT_NE(token->policy_json().find(R"("Bool":{"acs:SecureTransport":"true"})"), std::string::npos);
}

TEST_F(CertificateIntegrationTest, OthersAreNot) {
  // Two names, a certificate of nobody trusted, none at all, and a bad token beside a good one.
  EXPECT_THAT(IssueWith("twin.pem"), FailsWith(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REJECTED"));
  EXPECT_FALSE(IssueWith("stranger.pem").ok());
  EXPECT_THAT(IssueWith(""), FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  EXPECT_THAT(IssueWith("web.pem", "x"), FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
}

// What the HTTP listener answers to a GET with this certificate.
std::string GetOverTls(int port, const std::string& certificate, const std::string& path) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str());
  SSL_CTX_use_PrivateKey_file(context.get(), certificate.c_str(), SSL_FILETYPE_PEM);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_ssl_connect(context.get()), BIO_free_all);
  BIO_set_conn_hostname(bio.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  if (BIO_do_connect(bio.get()) != 1 ||
      BIO_write(bio.get(), request.data(), static_cast<int>(request.size())) <= 0)
    return "";
  std::string out;
  char piece[4096];
  for (int got = 0; (got = BIO_read(bio.get(), piece, sizeof(piece))) > 0;)
    out.append(piece, static_cast<size_t>(got));
  return out;
}

TEST_F(CertificateIntegrationTest, TheSameHoldsOverHttp) {
  const int port = stack_->broker().http_port();
  EXPECT_NE(GetOverTls(port, stack_->Path("web.pem"), "/v1/grants").find("\"name\":\"mesh\""),
            std::string::npos);
  EXPECT_NE(GetOverTls(port, stack_->Path("twin.pem"), "/v1/grants").find("CERTIFICATE_REJECTED"),
            std::string::npos);
  EXPECT_EQ(GetOverTls(port, stack_->Path("stranger.pem"), "/v1/grants").find("mesh"), std::string::npos);
}

}  // namespace
}  // namespace sluice
