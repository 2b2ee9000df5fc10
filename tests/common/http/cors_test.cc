// SPDX-License-Identifier: Apache-2.0
#include "common/http/cors.h"

#include "gmock/gmock.h"

namespace sluice::http {
namespace {

using ::testing::Contains;
using ::testing::Pair;

const std::vector<CorsRule> kRules = {
    {{"https://app.example.com"}, {"GET", "PUT"}, {"Authorization", "x-app-*"}, {"ETag", "Date"}},
    {{"https://*.example.org"}, {"POST"}, {"*"}, {}}};

RequestHead Preflight(const std::string& origin, const std::string& method, const std::string& headers = "") {
  RequestHead head;
  head.method = "OPTIONS";
  head.headers = {{"origin", origin}, {"access-control-request-method", method}};
  if (!headers.empty()) head.headers.emplace_back("Access-Control-Request-Headers", headers);
  return head;
}

RequestHead Call(const std::string& origin, const std::string& method) {
  RequestHead head;
  head.method = method;
  head.headers = {{"Origin", origin}};
  return head;
}

TEST(CorsTest, PreflightNamesWhatTheRuleAllows) {
  const Answer answer =
      AnswerPreflight(kRules, Preflight("https://app.example.com", "PUT", "authorization, X-App-A"));

  EXPECT_EQ(answer.status, 204);
  EXPECT_THAT(answer.headers, Contains(Pair("Access-Control-Allow-Origin", "https://app.example.com")));
  EXPECT_THAT(answer.headers, Contains(Pair("Access-Control-Allow-Methods", "GET, PUT")));
  EXPECT_THAT(answer.headers, Contains(Pair("Access-Control-Allow-Headers", "authorization, X-App-A")));
  EXPECT_THAT(answer.headers, Contains(Pair("Access-Control-Expose-Headers", "ETag, Date")));
  EXPECT_THAT(answer.headers, Contains(Pair("Vary", "Origin")));
}

TEST(CorsTest, AnotherOriginMethodOrHeaderIsRefused) {
  for (const RequestHead& head :
       {Preflight("https://app.example.com.evil.example", "PUT"), Preflight("http://app.example.com", "PUT"),
        Preflight("https://app.example.com", "DELETE"), Preflight("https://app.example.com", "put"),
        Preflight("https://app.example.com", "PUT", "authorization, cookie"), Preflight("", "PUT"),
        Preflight("null", "PUT")}) {
    const Answer answer = AnswerPreflight(kRules, head);

    EXPECT_EQ(answer.status, 403);
    EXPECT_FALSE(HasHeader(answer.headers, "Access-Control-Allow-Origin"));
  }
}

TEST(CorsTest, OneStarOfAnOriginStandsForAnyText) {
  EXPECT_EQ(AnswerPreflight(kRules, Preflight("https://a.example.org", "POST", "anything")).status, 204);
  EXPECT_EQ(AnswerPreflight(kRules, Preflight("https://example.org", "POST")).status, 403);
  EXPECT_EQ(AnswerPreflight(kRules, Preflight("https://a.example.org.evil.example", "POST")).status, 403);
}

TEST(CorsTest, EveryOriginIsAnsweredWithAStarAndNeverWithCredentials) {
  const std::vector<CorsRule> all = {{{"*"}, {"GET"}, {}, {}}};
  Answer answer;
  AllowReading(all, Call("https://anybody.example", "GET"), answer);

  EXPECT_THAT(answer.headers, Contains(Pair("Access-Control-Allow-Origin", "*")));
  EXPECT_FALSE(HasHeader(answer.headers, "Vary"));
  EXPECT_FALSE(HasHeader(answer.headers, "Access-Control-Allow-Credentials"));
}

TEST(CorsTest, AnswersToStrangersAreLeftAsTheyAre) {
  Answer answer;
  AllowReading(kRules, Call("https://evil.example", "GET"), answer);
  AllowReading(kRules, Call("https://app.example.com", "DELETE"), answer);

  EXPECT_TRUE(answer.headers.empty());
}

TEST(CorsTest, OptionsWithoutAnOriginIsNoPreflight) {
  RequestHead head;
  head.method = "OPTIONS";

  EXPECT_FALSE(IsPreflight(head));
  EXPECT_TRUE(IsPreflight(Preflight("https://a.example", "GET")));
}

// Answers 200 and tells the method that it saw.
class Seeing final : public Handler {
 public:
  std::unique_ptr<Exchange> Start(RequestHead head) override {
    class One final : public Exchange {
     public:
      explicit One(std::string method) : method_(std::move(method)) {}
      absl::Status OnBody(std::string_view) override { return absl::OkStatus(); }
      void OnEnd(Respond respond) override {
        Answer answer;
        answer.body = method_;
        respond(std::move(answer));
      }

     private:
      std::string method_;
    };
    ++seen;
    return std::make_unique<One>(head.method);
  }
  uint64_t BodyLimit(const RequestHead&) const override { return 7; }

  int seen = 0;
};

Answer Ask(Handler& handler, RequestHead head) {
  Answer out;
  handler.Start(std::move(head))->OnEnd([&out](Answer answer) { out = std::move(answer); });
  return out;
}

TEST(CorsTest, HandlerBehindTheRuleSeesNoPreflight) {
  Seeing inner;
  CorsHandler pages(kRules[0], inner);

  EXPECT_EQ(Ask(pages, Preflight("https://app.example.com", "GET")).status, 204);
  EXPECT_EQ(inner.seen, 0);
  const Answer answer = Ask(pages, Call("https://app.example.com", "GET"));
  EXPECT_EQ(answer.body, "GET");
  EXPECT_TRUE(HasHeader(answer.headers, "Access-Control-Allow-Origin"));
  EXPECT_EQ(pages.BodyLimit({}), 7u);
}

TEST(CorsTest, WithoutOriginsNothingChanges) {
  Seeing inner;
  CorsHandler pages({{}, {"GET"}, {}, {}}, inner);

  EXPECT_EQ(Ask(pages, Preflight("https://app.example.com", "GET")).body, "OPTIONS");
  EXPECT_TRUE(Ask(pages, Call("https://app.example.com", "GET")).headers.empty());
}

}  // namespace
}  // namespace sluice::http
