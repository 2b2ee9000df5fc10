// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/policy_proof.h"

#include <random>

#include "services/token_broker/claim_text.h"
#include "services/token_broker/policy_evaluator.h"
#include "services/token_broker/session_policy.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

// Every set of operations, as the bits of a number.
std::set<Operation> OperationsOf(unsigned bits) {
  std::set<Operation> out;
  for (int i = 0; i < 6; ++i) {
    if (bits & (1u << i)) out.insert(static_cast<Operation>(i + 1));
  }
  return out;
}

TEST(PolicyProofTest, EveryCompiledPolicyIsProven) {
  for (unsigned bits = 1; bits < 64; ++bits) {
    for (const auto& [target, is_object] :
         {std::pair("uploads/alice/", false), std::pair("uploads/alice/a/b.jpg", true),
          std::pair("u/", false)}) {
      const Scope scope{"sluice-demo", target, is_object, OperationsOf(bits)};
      auto policy = CompileSessionPolicy(scope);
      if (!policy.ok()) continue;  // LIST of one object
      EXPECT_THAT(ProvePolicy(*policy, scope), IsOk()) << *policy;
    }
  }
}

TEST(PolicyProofTest, APolicyOfAnotherScopeIsNotProven) {
  const Scope scope{"b", "uploads/alice/", false, {token::v1::OPERATION_UPLOAD}};
  std::vector<Scope> wrong(6, scope);
  wrong[0].target = "uploads/";
  wrong[1].target = "uploads/bob/";
  wrong[2].bucket = "c";
  wrong[3].operations.insert(token::v1::OPERATION_DELETE);
  wrong[4].operations = {token::v1::OPERATION_DOWNLOAD};
  wrong[5].operations.insert(token::v1::OPERATION_LIST);
  for (const Scope& other : wrong) {
    EXPECT_THAT(ProvePolicy(CompileSessionPolicy(other).value(), scope),
                FailsWith(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN"));
  }
}

TEST(PolicyProofTest, HandMadeMistakesAreFound) {
  const Scope scope{"b", "uploads/al/", false, {token::v1::OPERATION_UPLOAD}};
  for (const char* resource : {"acs:oss:*:*:b/uploads/al*", "acs:oss:*:*:*/uploads/al/*", "acs:oss:*:*:b/*",
                               "*", "acs:oss:*:*:b/uploads/a?/*", "acs:oss:*:*:b/uploads/?l/*"}) {
    const std::string policy =
        R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:PutObject","Resource":")" +
        std::string(resource) + "\"}]}";
    EXPECT_THAT(ProvePolicy(policy, scope), FailsWith(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN"))
        << resource;
  }
  for (const char* policy :
       {"", "{}", "[]", R"({"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]})"}) {
    EXPECT_THAT(ProvePolicy(policy, scope), FailsWith(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN"))
        << policy;
  }
}

TEST(PolicyProofTest, ObjectsNamedLikeAProbeAreOrdinary) {
  for (const char* key : {"uploads/alice/probe", "uploads/alice/a/probe", "probe", "uploads/probe"}) {
    const Scope scope{"b", key, true, {token::v1::OPERATION_UPLOAD}};
    EXPECT_THAT(ProvePolicy(CompileSessionPolicy(scope).value(), scope), IsOk()) << key;
  }
  const Scope scope{"b", "probe/", false, {token::v1::OPERATION_UPLOAD}};
  EXPECT_THAT(ProvePolicy(CompileSessionPolicy(scope).value(), scope), IsOk());
}

TEST(PolicyProofTest, AStatementBesideTheRightOneIsFound) {
  const Scope scope{"b", "uploads/al/", false, {token::v1::OPERATION_UPLOAD}};
  const std::string right =
      R"({"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:b/uploads/al/*"})";
  for (const char* extra :
       {R"({"Effect":"Allow","Action":"oss:GetObject","Resource":"acs:oss:*:*:b/uploads/bob/*"})",
        R"({"Effect":"Allow","Action":"oss:GetObject","Resource":"acs:oss:*:*:other/*"})",
        R"({"Effect":"Allow","Action":"oss:PutBucketAcl","Resource":"acs:oss:*:*:b"})",
        R"({"Effect":"Allow","Action":"oss:DeleteObjectVersion","Resource":"acs:oss:*:*:b/uploads/al/*"})",
        R"({"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:b/uploads/bob/*"})",
        R"({"Effect":"Allow","Action":"oss:PutObject\u0000x","Resource":"acs:oss:*:*:b/uploads/al/*"})"}) {
    const std::string policy = R"({"Version":"1","Statement":[)" + right + "," + extra + "]}";
    EXPECT_THAT(ProvePolicy(policy, scope), FailsWith(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN"))
        << extra;
  }
}

TEST(PolicyProofTest, NoPolicyForOneSubjectAllowsAnyKeyOfAnother) {
  constexpr unsigned kSeed = 20261124;
  RecordProperty("seed", kSeed);
  std::mt19937 random(kSeed);
  using std::string_literals::operator""s;
  const std::string alphabet = "ab.A/*?$={}\"\\%\n\0\xC3\xA9"s;
  auto subject = [&] {
    std::string out;
    for (unsigned i = random() % 5 + 1; i > 0; --i) out += alphabet[random() % alphabet.size()];
    return out;
  };
  int judged = 0;
  while (judged < 5000) {
    const std::string a = subject();
    const std::string b = random() % 2 ? subject() : a + subject();  // siblings share a beginning
    const auto name_a = EncodeClaim(a);
    const auto name_b = EncodeClaim(b);
    if (a == b || !name_a.ok() || !name_b.ok()) continue;
    const Scope scope{"b", "uploads/" + *name_a + "/", false, OperationsOf(63)};
    const std::string policy = CompileSessionPolicy(scope).value();
    ASSERT_THAT(ProvePolicy(policy, scope), IsOk()) << policy;
    const PolicyEvaluator evaluator = PolicyEvaluator::Parse(policy).value();
    for (const std::string& key :
         {"uploads/" + *name_b + "/x", "uploads/" + *name_b + "/", "uploads/" + *name_b}) {
      for (const char* action : {"oss:PutObject", "oss:GetObject", "oss:DeleteObject"}) {
        EXPECT_FALSE(evaluator.Allows({action, "acs:oss:*:*:b/" + key, std::nullopt}))
            << kSeed << " " << policy << " " << key;
      }
    }
    EXPECT_FALSE(evaluator.Allows({"oss:ListObjects", "acs:oss:*:*:b", "uploads/" + *name_b + "/"}));
    ++judged;
  }
}

}  // namespace
}  // namespace sluice::broker
