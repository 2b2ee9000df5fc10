// SPDX-License-Identifier: Apache-2.0
// The matrix that `sluice prove` runs: every form, every operation, every spelling.
#include "clients/cli/isolation_proof.h"
#include "common/http/curl_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/stack.h"

namespace sluice {
namespace {

using sluice::testing::Stack;
using ::testing::IsEmpty;

constexpr char kGrant[] = R"(
- name: all
  who: [{provider: sandbox}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  prefix: PREFIX
  operations: [UPLOAD, RESUME, TAG, DOWNLOAD, LIST, DELETE]
)";

cli::IsolationResult Prove(const std::string& prefix, const std::string& as, const std::string& against) {
  Stack::Options options;
  options.grants = kGrant;
  options.grants.replace(options.grants.find("PREFIX"), 6, prefix);
  Stack stack(std::move(options));
  const auto http = http::MakeCurlClient({});
  auto party = [&](const std::string& subject) {
    return client::TokenClient::Make({stack.broker_grpc(), SecretString(stack.Mint(subject)), ""}).value();
  };
  auto result = cli::ProveIsolation(*party(as), *party(against), *http, {});
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(cli::IsolationResult{});
}

TEST(IsolationTest, AliceReachesNothingOfBobs) {
  const auto result = Prove("uploads/{subject}/", "alice", "bob");
  EXPECT_THAT(result.exceptions, IsEmpty());
  EXPECT_GT(result.attempts, 4000u);
  EXPECT_GT(result.controls, 40u);
  std::cout << result.attempts << " attempts, " << result.controls << " controls, "
            << result.exceptions.size() << " exceptions\n";
}

TEST(IsolationTest, NamesThatBeginAlikeAreStillTwo) {
  const auto result = Prove("uploads/{hash}/{subject}/", "al", "alice");
  EXPECT_THAT(result.exceptions, IsEmpty());
  EXPECT_GT(result.attempts, 4000u);
}

// Passes everything on and says 200 where OSS refuses a DELETE.
class LenientClient final : public http::Client {
 public:
  explicit LenientClient(http::Client& real) : real_(real) {}
  void Send(http::Request request, Deadline deadline, CancelToken cancel, Done done) override {
    const bool lenient = request.method == "DELETE";
    real_.Send(std::move(request), deadline, std::move(cancel),
               [lenient, done = std::move(done)](absl::StatusOr<http::Response> response) mutable {
                 if (lenient && response.ok() && response->status == 403) response->status = 200;
                 done(std::move(response));
               });
  }

 private:
  http::Client& real_;
};

TEST(IsolationTest, AHoleIsFound) {
  Stack stack;
  const auto http = http::MakeCurlClient({});
  LenientClient lenient(*http);
  auto party = [&](const std::string& subject) {
    return client::TokenClient::Make({stack.broker_grpc(), SecretString(stack.Mint(subject)), ""}).value();
  };
  const auto result = cli::ProveIsolation(*party("alice"), *party("bob"), lenient, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->exceptions.size(), 100u);
}

TEST(IsolationTest, ASharedPrefixIsNotCalledProven) {
  Stack::Options options;
  options.grants = kGrant;
  options.grants.replace(options.grants.find("PREFIX"), 6, "uploads/shared/");
  Stack stack(std::move(options));
  const auto http = http::MakeCurlClient({});
  auto party = [&](const std::string& subject) {
    return client::TokenClient::Make({stack.broker_grpc(), SecretString(stack.Mint(subject)), ""}).value();
  };
  EXPECT_FALSE(cli::ProveIsolation(*party("alice"), *party("bob"), *http, {}).ok());
}

}  // namespace
}  // namespace sluice
