// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/token_access.h"

#include <gmock/gmock.h>

#include "common/base/status.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

// Gives a token with a number, or an error.
class NumberedTokens final : public BrokerLink {
 public:
  explicit NumberedTokens(const Clock& clock) : clock_(clock) {}
  void IssueTicket(const token::v1::IssueTicketRequest&, const Caller&, const CallFacts&,
                   Done<token::v1::IssueTicketResponse> done) override {
    done(absl::UnimplementedError(""));
  }
  void SignUrl(const token::v1::SignUrlRequest& request, const SecretString& ticket, const CallFacts&,
               Done<token::v1::SignUrlResponse> done) override {
    signed_.push_back(token::v1::UrlMethod_Name(request.method()) + " " + request.path() + " " +
                      std::string(ticket.Reveal()));
    token::v1::SignUrlResponse out;
    out.add_urls()->set_url("https://by-the-broker");
    done(std::move(out));
  }
  void IssueToken(const token::v1::IssueTokenRequest& request, const SecretString& ticket, const CallFacts&,
                  Done<token::v1::IssueTokenResponse> done) override {
    asked.push_back(request.grant() + " " + request.path() + " " + std::string(ticket.Reveal()));
    if (!refusal.ok()) return done(refusal);
    token::v1::IssueTokenResponse out;
    const int64_t now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.Now().time_since_epoch()).count();
    out.mutable_credentials()->set_access_key_id("STS." + std::to_string(asked.size()));
    out.mutable_credentials()->set_access_key_secret("secret");
    out.mutable_credentials()->set_security_token("token");
    out.mutable_expire_time()->set_seconds(now + 900);
    out.mutable_refresh_after()->set_seconds(now + 600);
    done(std::move(out));
  }
  std::vector<std::string> asked;
  std::vector<std::string> signed_;
  absl::Status refusal;

 private:
  const Clock& clock_;
};

class TokenAccessTest : public ::testing::Test {
 protected:
  TokenAccessTest() {
    upload_.set_grant("photos");
    upload_.set_path("cat.jpg");
    upload_.set_ticket("ticket-1");
    upload_.set_endpoint("https://oss-cn-hangzhou.aliyuncs.com");
    upload_.set_region("cn-hangzhou");
    upload_.set_bucket("my-bucket");
    upload_.set_key("uploads/alice/cat.jpg");
    upload_.set_oss_upload_id("UPLOAD");
    upload_.set_object_token("mark");
    upload_.set_content_type("image/jpeg");
    upload_.set_overwrite(true);
  }
  absl::StatusOr<std::vector<Permit>> Ask(OssOrder order) {
    absl::StatusOr<std::vector<Permit>> out = absl::UnknownError("not called");
    access_.Ask(upload_, std::move(order), {}, [&](auto answer) { out = std::move(answer); });
    return out;
  }
  std::string UrlOf(OssVerb verb, uint32_t after = 0) {
    const auto permits = Ask({verb, {}, after});
    return permits.ok() && permits->size() == 1 ? std::string(permits->front().url.Reveal()) : "";
  }

  sluice::testing::FakeClock clock_;
  NumberedTokens broker_{clock_};
  TokenAccess access_{broker_, clock_};
  SealedUpload upload_;
};

TEST_F(TokenAccessTest, EveryRequestIsForTheUploadsOwnKeyAndWrites) {
  const std::string key = "https://my-bucket.oss-cn-hangzhou.aliyuncs.com/uploads/alice/cat.jpg?";
  const std::tuple<OssVerb, const char*, const char*> verbs[] = {
      {OssVerb::kPut, "PUT", ""},
      {OssVerb::kInitiate, "POST", "uploads"},
      {OssVerb::kListParts, "GET", "uploadId=UPLOAD"},
      {OssVerb::kComplete, "POST", "uploadId=UPLOAD"},
      {OssVerb::kAbort, "DELETE", "uploadId=UPLOAD"}};
  for (const auto& [verb, method, query] : verbs) {
    const auto permits = Ask({verb, {}, 0});
    ASSERT_THAT(permits, IsOk());
    ASSERT_EQ(permits->size(), 1u);
    EXPECT_EQ(permits->front().method, method);
    EXPECT_THAT(std::string(permits->front().url.Reveal()), AllOf(StartsWith(key), HasSubstr(query)));
    EXPECT_EQ(permits->front().expires, clock_.Now() + kPermitLife);
  }
  EXPECT_EQ(broker_.asked, std::vector<std::string>{"photos cat.jpg ticket-1"});
}

TEST_F(TokenAccessTest, AHeadIsTheBrokersSinceNoTokenHereMayRead) {
  EXPECT_EQ(UrlOf(OssVerb::kHead), "https://by-the-broker");
  EXPECT_EQ(broker_.signed_, std::vector<std::string>{"URL_METHOD_HEAD cat.jpg ticket-1"});
  EXPECT_TRUE(broker_.asked.empty());
}

TEST_F(TokenAccessTest, PartsAreSignedOneByOneInTheirOrder) {
  const auto permits = Ask({OssVerb::kPart, {17, 1, 33}, 0});
  ASSERT_THAT(permits, IsOk());
  ASSERT_EQ(permits->size(), 3u);
  for (const size_t i : {0u, 1u, 2u}) {
    const uint32_t number = std::vector<uint32_t>{17, 1, 33}[i];
    EXPECT_EQ((*permits)[i].part, number);
    EXPECT_THAT(std::string((*permits)[i].url.Reveal()),
                HasSubstr("partNumber=" + std::to_string(number) + "&"));
  }
}

TEST_F(TokenAccessTest, WhatBeginsAnObjectCarriesItsHeadersAndMark) {
  (*upload_.mutable_metadata())["album"] = "one";
  (*upload_.mutable_tags())["a"] = "b c";
  upload_.set_overwrite(false);
  for (const OssVerb verb : {OssVerb::kPut, OssVerb::kInitiate}) {
    const auto headers = Ask({verb, {}, 0})->front().headers;
    EXPECT_THAT(headers, Contains(Pair("Content-Type", "image/jpeg")));
    EXPECT_THAT(headers, Contains(Pair("x-oss-meta-album", "one")));
    EXPECT_THAT(headers, Contains(Pair("x-oss-meta-sluice-upload", "mark")));
    EXPECT_THAT(headers, Contains(Pair("x-oss-tagging", "a=b%20c")));
    EXPECT_THAT(headers, Contains(Pair("x-oss-forbid-overwrite", "true")));
  }
  EXPECT_THAT(Ask({OssVerb::kComplete, {}, 0})->front().headers,
              Contains(Pair("x-oss-forbid-overwrite", "true")));
  EXPECT_THAT(Ask({OssVerb::kPart, {1}, 0})->front().headers,
              Not(Contains(Pair("x-oss-forbid-overwrite", "true"))));
}

TEST_F(TokenAccessTest, AListGoesOnBehindAPart) {
  EXPECT_THAT(UrlOf(OssVerb::kListParts, 1000), HasSubstr("part-number-marker=1000"));
  EXPECT_THAT(UrlOf(OssVerb::kListParts), Not(HasSubstr("part-number-marker")));
}

TEST_F(TokenAccessTest, ATokenServesItsUploadUntilTheBrokerSaysToAskAgain) {
  EXPECT_THAT(UrlOf(OssVerb::kPut), HasSubstr("STS.1"));
  clock_.Advance(std::chrono::seconds(599));
  EXPECT_THAT(UrlOf(OssVerb::kPut), HasSubstr("STS.1"));
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_THAT(UrlOf(OssVerb::kPut), HasSubstr("STS.2"));
  upload_.set_object_token("another");
  EXPECT_THAT(UrlOf(OssVerb::kPut), HasSubstr("STS.3"));
}

TEST_F(TokenAccessTest, TheBrokersRefusalIsTheAnswerAndIsNotKept) {
  broker_.refusal = Fail(absl::StatusCode::kPermissionDenied, "SUBJECT_DENIED", "no");
  EXPECT_THAT(Ask({OssVerb::kPut, {}, 0}), FailsWith(absl::StatusCode::kPermissionDenied, "SUBJECT_DENIED"));
  broker_.refusal = absl::OkStatus();
  EXPECT_THAT(Ask({OssVerb::kPut, {}, 0}), IsOk());
}

}  // namespace
}  // namespace sluice::gateway
