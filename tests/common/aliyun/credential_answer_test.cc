// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/credential_answer.h"

#include "tests/support/fake_clock.h"
#include "tests/support/key_answers.h"
#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;

const Time kNow = sluice::testing::FakeClock().Now();

// Bodies that a broken or hostile server gives instead of a key; each holds `hunter2`, which no error
// repeats.
std::vector<std::string> HostileBodies() {
  const std::string key = sluice::testing::KeyAnswer("STS.x", kNow + std::chrono::hours(1)).body;
  const auto with = [&](const std::string& what, const std::string& instead) {
    std::string out = key;
    return out.replace(out.find(what), what.size(), instead);
  };
  return {"",
          "hunter2",
          "<html>hunter2</html>",
          "[" + key + "]",
          key + key,
          key.substr(0, key.size() - 1),
          with("\"Success\"", "\"Failed\""),
          with("\"Success\"", "7"),
          with("\"STS.x\"", "\"\""),
          with("\"STS.x\"", "null"),
          with("\"STS.x\"", R"("a\nX-Evil: 1")"),
          with("\"STS.x\"", R"("a\u0000b")"),
          with("\"STS.x\"", "\"sch\xc3\xbcssel\""),
          with("\"STS.x\"", "\"" + std::string(40000, 'a') + "\""),
          with("\"AccessKeySecret\"", "\"accessKeySecret\""),
          with("hunter2-token", "hunter2 token"),
          with("{", "{\"AccessKeyId\":\"twice\","),
          with("2026-", "2025-"),
          with("Z\"", "\""),
          with("Z\"", "+08:00\""),
          with("2026-", "9999-"),
          R"({"hunter2":)" + std::string(100, '[') + std::string(100, ']') + "}",
          key + std::string(kLargestCredentialAnswer, ' '),
          std::string(1000, '{')};
}

TEST(ReadCredentialAnswerTest, TakesAWholeKeyWithAndWithoutCode) {
  http::Response answer = sluice::testing::KeyAnswer("STS.x", kNow + std::chrono::hours(1));
  const auto key = ReadCredentialAnswer(answer, kNow, "it");
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->access_key_id, "STS.x");
  EXPECT_EQ(key->access_key_secret.Reveal(), "hunter2-STS.x");
  EXPECT_EQ(key->security_token.Reveal(), "hunter2-token");
  EXPECT_EQ(key->expiration, kNow + std::chrono::hours(1));

  answer.body.replace(0, answer.body.find("\"AccessKeyId"), "{");
  EXPECT_THAT(ReadCredentialAnswer(answer, kNow, "it"), IsOk());
}

TEST(ReadCredentialAnswerTest, HostileBodiesGiveNoKeyAndAreNotRepeated) {
  for (const std::string& body : HostileBodies()) {
    const absl::Status status = ReadCredentialAnswer({200, {}, body}, kNow, "it").status();
    EXPECT_THAT(status, FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"))
        << body.substr(0, 200);
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos) << body.substr(0, 200);
  }
}

TEST(ReadCredentialAnswerTest, OnlyHttp200IsAKey) {
  for (const int status : {0, 201, 204, 301, 302, 307, 400, 404, 500}) {
    http::Response answer = sluice::testing::KeyAnswer("STS.x", kNow + std::chrono::hours(1));
    answer.status = status;
    EXPECT_THAT(ReadCredentialAnswer(answer, kNow, "it"),
                FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
  }
}

TEST(ReadSessionAnswerTest, HostileBodiesGiveNoSession) {
  EXPECT_THAT(ReadSessionAnswer(sluice::testing::SessionAnswer("STS.x", kNow + std::chrono::hours(1)), kNow),
              IsOk());
  for (std::string body : HostileBodies()) {
    // STS has no Code where it succeeds, so that one says nothing.
    if (body.find("\"Failed\"") != std::string::npos || body.find("\"Code\":7") != std::string::npos)
      continue;
    for (const std::string& whole : {body, R"({"Credentials":)" + body + "}"}) {
      const absl::Status status = ReadSessionAnswer({200, {}, whole}, kNow).status();
      EXPECT_THAT(status, FailsWith(StatusCode::kUnavailable, "STS_ANSWER_INVALID")) << whole.substr(0, 200);
      EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
    }
  }
  EXPECT_THAT(ReadSessionAnswer({403, {}, R"({"Code":"NoPermission"})"}, kNow),
              FailsWith(StatusCode::kFailedPrecondition, "STS_REFUSED"));
}

TEST(CredentialWordTest, IsVisibleAsciiAndNotTooLong) {
  EXPECT_TRUE(IsCredentialWord("STS.abc+/="));
  EXPECT_TRUE(IsCredentialWord(std::string(32768, 'a')));
  for (const std::string& text :
       {std::string(), std::string("a b"), std::string("a\n"), std::string("a\0b", 3), std::string("\x7f"),
        std::string("\xc3\xbc"), std::string(32769, 'a')})
    EXPECT_FALSE(IsCredentialWord(text)) << text.substr(0, 10);
}

}  // namespace
}  // namespace sluice::aliyun
