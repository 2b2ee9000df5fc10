// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/policy_check.h"

#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

TEST(MatchesTest, StarsAndQuestionMarks) {
  EXPECT_TRUE(Matches("uploads/*", "uploads/a/b"));
  EXPECT_TRUE(Matches("*", ""));
  EXPECT_TRUE(Matches("a?c*e", "abcde"));
  EXPECT_TRUE(Matches("*a*b*", "xxaxxbxx"));
  EXPECT_FALSE(Matches("uploads/al/*", "uploads/alice/x"));
  EXPECT_FALSE(Matches("a?", "a"));
  EXPECT_FALSE(Matches("", "a"));
  EXPECT_TRUE(Matches("oss:getobject", "oss:GetObject", true));
  EXPECT_FALSE(Matches("UPLOADS/*", "uploads/a"));
}

TEST(MatchesTest, ManyStarsEndInTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  EXPECT_FALSE(Matches(pattern + "b", std::string(2000, 'a')));
}

TEST(EvaluateTest, DenyWinsWhereverItStands) {
  const Policy policy = ParsePolicy(R"({"Version":"1","Statement":[
    {"Effect":"Allow","Action":"oss:*","Resource":"acs:oss:*:*:b/*"},
    {"Effect":"Deny","Action":"oss:PutObject","Resource":"*","Condition":{"StringEquals":{"oss:x-oss-object-acl":["public-read"]}}}]})")
                            .value();
  Ask ask{"oss:PutObject", "acs:oss:*:*:b/k", "", {}};

  EXPECT_EQ(Evaluate(policy, ask).verdict, Verdict::kAllowed);
  ask.context["oss:x-oss-object-acl"] = "public-read";
  EXPECT_EQ(Evaluate(policy, ask).verdict, Verdict::kExplicitDeny);
  EXPECT_EQ(Evaluate(policy, {"oss:PutObject", "acs:oss:*:*:other/k", "", {}}).verdict,
            Verdict::kImplicitDeny);
}

TEST(EvaluateTest, AMissingKeyMeetsNegativeOperatorsOnly) {
  auto verdict = [](const std::string& condition) {
    const Policy policy =
        ParsePolicy(
            R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":)" +
            condition + "}]}")
            .value();
    return Evaluate(policy, {"oss:ListObjects", "acs:oss:*:*:b", "", {}}).verdict;
  };

  EXPECT_EQ(verdict(R"({"StringLike":{"oss:Prefix":"*"}})"), Verdict::kImplicitDeny);
  EXPECT_EQ(verdict(R"({"StringNotLike":{"oss:Prefix":"*"}})"), Verdict::kAllowed);
}

TEST(EvaluateTest, AddressesAreInNetworksOrNot) {
  const Policy policy =
      ParsePolicy(R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*",
    "Condition":{"IpAddress":{"acs:SourceIp":["10.1.0.0/16","2001:db8::/32","192.0.2.7"]},"Bool":{"acs:SecureTransport":"true"}}}]})")
          .value();
  auto allows = [&](const char* ip, const char* tls = "true") {
    return Evaluate(
               policy,
               {"oss:GetObject", "acs:oss:*:*:b/k", "", {{"acs:SourceIp", ip}, {"acs:SecureTransport", tls}}})
               .verdict == Verdict::kAllowed;
  };
  for (const char* ip : {"10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "192.0.2.7"})
    EXPECT_TRUE(allows(ip)) << ip;
  for (const char* ip : {"10.2.0.1", "2001:db9::1", "192.0.2.8", "", "localhost"})
    EXPECT_FALSE(allows(ip)) << ip;
  EXPECT_FALSE(allows("10.1.2.3", "false"));
}

TEST(ParsePolicyTest, RefusesWhatTheGrammarDoesNotName) {
  for (
      const char* text : {
          "",
          "[]",
          "{}",
          R"({"Version":"1"})",
          R"({"Version":"2","Statement":[]})",
          R"({"Version":"1","Statement":[]})",
          R"({"Version":"1","Statements":[{"Effect":"Allow","Action":"*","Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":[],"Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","NotAction":"*","Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":1,"Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Fuzzy":{"oss:Prefix":"a"}}}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"x":"a"}}}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"acs:oss:*:*:b/uploads/*\u0000x"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:PutObject\u0000x","Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"PutObject","Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:","Resource":"*"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":""}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"not-an-arn"}]})",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"acs:oss:cn-hangzhou:*:b/*"}]})",
          R"({"Version":"1","Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})",
      }) {
    EXPECT_THAT(ParsePolicy(text), FailsWith(absl::StatusCode::kInvalidArgument, "POLICY_GRAMMAR")) << text;
  }
  EXPECT_THAT(ParsePolicy(R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]})"),
              IsOk());
}

TEST(ParsePolicyTest, TrustPoliciesNamePrincipalsOfThreeKinds) {
  const auto trust = [](const std::string& principal, const std::string& condition = "") {
    return ParsePolicy(
        R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":)" +
            principal + condition + "}]}",
        PolicyKind::kTrust);
  };
  for (const char* bad : {"{}", "[]", R"("*")", R"({"RAM":[]})", R"({"RAM":1})", R"({"Ram":"a"})",
                          R"({"RAM":"a","Other":"b"})", R"({"Federated":[1]})"}) {
    EXPECT_THAT(trust(bad), FailsWith(absl::StatusCode::kInvalidArgument, "POLICY_GRAMMAR")) << bad;
  }
  const auto policy = trust(R"({"RAM":["acs:ram::1:user/a"],"Federated":"acs:ram::1:oidc-provider/p"})",
                            R"(,"Condition":{"StringLike":{"oidc:sub":"system:serviceaccount:*"}})");
  ASSERT_THAT(policy, IsOk());
  const auto verdict = [&](PrincipalKind kind, const char* principal, const char* sub) {
    return Evaluate(*policy, {"sts:AssumeRole", "", principal, {{"oidc:sub", sub}}, kind}).verdict;
  };
  const char* const sub = "system:serviceaccount:a:b";
  EXPECT_EQ(verdict(PrincipalKind::kFederated, "acs:ram::1:oidc-provider/p", sub), Verdict::kAllowed);
  EXPECT_EQ(verdict(PrincipalKind::kFederated, "acs:ram::1:oidc-provider/p", "other"),
            Verdict::kImplicitDeny);
  EXPECT_EQ(verdict(PrincipalKind::kFederated, "acs:ram::1:user/a", sub), Verdict::kImplicitDeny);
  EXPECT_EQ(verdict(PrincipalKind::kRam, "acs:ram::1:oidc-provider/p", sub), Verdict::kImplicitDeny);
  EXPECT_EQ(verdict(PrincipalKind::kRam, "acs:ram::1:user/a", sub), Verdict::kAllowed);
  EXPECT_EQ(verdict(PrincipalKind::kService, "ecs.aliyuncs.com", sub), Verdict::kImplicitDeny);
}

TEST(ParsePolicyTest, KeysOfOidcAreForTrustPoliciesAlone) {
  EXPECT_THAT(ParsePolicy(R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*",)"
                          R"("Condition":{"StringEquals":{"oidc:sub":"a"}}}]})"),
              FailsWith(absl::StatusCode::kInvalidArgument, "POLICY_GRAMMAR"));
}

}  // namespace
}  // namespace sluice::sandbox
