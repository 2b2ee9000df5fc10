// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/post_policy.h"

#include "common/base/iso_time.h"
#include "gtest/gtest.h"

namespace sluice::sandbox {
namespace {

class PostPolicyTest : public ::testing::Test {
 protected:
  // The code of the fault with these conditions; empty when they hold.
  std::string Judge(const std::string& conditions, uint64_t length = 10, bool v4 = false) {
    const auto fault =
        JudgePostPolicy(R"({"expiration":"2026-01-01T01:00:00.000Z","conditions":[)" + conditions + "]}",
                        fields_, "b", length, v4, now_);
    return fault ? fault->code : "";
  }
  const Time now_ = ParseIsoExtended("2026-01-01T00:00:00Z").value();
  const FormFields fields_ = {{"key", "uploads/alice/a"},
                              {"Content-Type", "image/png"},
                              {"x-oss-signature-version", "OSS4-HMAC-SHA256"},
                              {"x-oss-credential", "c"},
                              {"x-oss-date", "d"}};
};

TEST_F(PostPolicyTest, EachConditionHoldsOrFails) {
  for (const char* holds :
       {R"({"bucket":"b"})", R"(["eq","$key","uploads/alice/a"])", R"(["EQ","$Key","uploads/alice/a"])",
        R"(["starts-with","$key","uploads/alice/"])", R"(["starts-with","$x-oss-meta-a",""])",
        R"(["in","$content-type",["image/png"]])", R"(["not-in","$content-type",["text/html"]])",
        R"(["not-in","$cache-control",["no-cache"]])", R"(["content-length-range",0,10])"})
    EXPECT_EQ(Judge(holds), "") << holds;
  for (const char* fails :
       {R"({"bucket":"c"})", R"(["eq","$key","uploads/alice/"])", R"(["starts-with","$key","uploads/bob/"])",
        R"(["eq","$x-oss-meta-a","x"])", R"(["starts-with","$x-oss-meta-a","x"])",
        R"(["in","$content-type",["image/jpg"]])", R"(["in","$cache-control",["no-cache"]])",
        R"(["not-in","$content-type",["image/png"]])"})
    EXPECT_EQ(Judge(fails), "AccessDenied") << fails;
  EXPECT_EQ(Judge(R"(["content-length-range",11,20])"), "EntityTooSmall");
  EXPECT_EQ(Judge(R"(["content-length-range",0,9])"), "EntityTooLarge");
}

TEST_F(PostPolicyTest, OtherShapesAreNoPolicy) {
  for (const char* shape :
       {"", "1", "{}", R"({"a":"b","c":"d"})", R"({"bucket":1})", R"(["eq","$key"])",
        R"(["like","$key","a"])", R"(["eq","key","a"])", R"(["content-length-range","0",9])",
        R"(["content-length-range",-1,9])", R"(["in","$key","a"])"})
    EXPECT_EQ(Judge(shape), "InvalidPolicyDocument") << shape;
  for (const char* text : {"", "[]", "{}", R"({"expiration":"tomorrow","conditions":[{"bucket":"b"}]})",
                           R"({"conditions":[{"bucket":"b"}]})", R"({"expiration":"2026-01-01T01:00:00Z"})"})
    EXPECT_EQ(JudgePostPolicy(text, fields_, "b", 1, false, now_)->code, "InvalidPolicyDocument") << text;
}

TEST_F(PostPolicyTest, ItEndsAtItsExpiration) {
  const char* policy = R"({"expiration":"2026-01-01T01:00:00.000Z","conditions":[{"bucket":"b"}]})";
  EXPECT_FALSE(JudgePostPolicy(policy, fields_, "b", 1, false, now_ + std::chrono::minutes(59)));
  EXPECT_EQ(JudgePostPolicy(policy, fields_, "b", 1, false, now_ + std::chrono::hours(1))->code,
            "AccessDenied");
}

TEST_F(PostPolicyTest, AV4PolicyBindsItsSignature) {
  const std::string all = R"({"x-oss-signature-version":"OSS4-HMAC-SHA256"},{"x-oss-credential":"c"})";
  EXPECT_EQ(Judge(all, 1, true), "AccessDenied");
  EXPECT_EQ(Judge(all + R"(,["starts-with","$x-oss-date",""])", 1, true), "AccessDenied");
  EXPECT_EQ(Judge(all + R"(,{"x-oss-date":"d"})", 1, true), "");
}

}  // namespace
}  // namespace sluice::sandbox
