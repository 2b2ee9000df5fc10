// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "gmock/gmock.h"
#include "services/sandbox/policy_check.h"
#include "services/sandbox/world.h"
#include "services/token_broker/config.h"
#include "services/token_broker/ram_policy.h"
#include "services/token_broker/session_policy.h"
#include "tests/support/fake_environment.h"
#include "tests/support/key_pem.h"
#include "tests/support/temp_dir.h"

// What RAM is told by the broker, judged by the sandbox's own reading of policies.
namespace sluice {
namespace {

using broker::Grant;
using broker::Scope;
using sandbox::Ask;
using sandbox::Evaluate;
using sandbox::ParsePolicy;
using sandbox::Policy;
using sandbox::PolicyKind;
using sandbox::Verdict;
using token::v1::Operation;

// The grants of a sample of the repository, its key and addresses given.
std::vector<Grant> GrantsOf(const std::string& sample) {
  std::ifstream in(std::string(SLUICE_SOURCE_DIR) + "/deploy/config/" + sample);
  std::string text(std::istreambuf_iterator<char>(in), {});
  testing::TempDir dir;
  dir.Write("ticket.pem", testing::NewKeyPem("ED25519"));
  const std::string key = "/run/secrets/ticket-k1.pem";
  if (const size_t at = text.find(key); at != std::string::npos) text.replace(at, key.size(), "ticket.pem");
  const std::string here = "http://127.0.0.1:1";
  const std::string listen = "127.0.0.1:0";
  config::v1::TokenBrokerConfig config;
  const auto source = LoadConfig(dir.Write("b.yaml", text), config,
                                 testing::FakeEnvironment({{"SLUICE_LISTEN_GRPC", listen},
                                                           {"SLUICE_LISTEN_HTTP", listen},
                                                           {"SLUICE_LISTEN_ADMIN", listen},
                                                           {"SLUICE_LISTEN_GATEWAYS", listen},
                                                           {"SLUICE_GATEWAYS_CERT", "c"},
                                                           {"SLUICE_GATEWAYS_KEY", "k"},
                                                           {"SLUICE_GATEWAY_CERT", "g"},
                                                           {"SLUICE_GATEWAY_ADDRESS", ""},
                                                           {"SLUICE_PUBLIC_URL", ""},
                                                           {"SLUICE_AUDIT_FILE", "a"},
                                                           {"SLUICE_SANDBOX_ISSUER", here},
                                                           {"SLUICE_SANDBOX_JWKS", here},
                                                           {"SLUICE_SANDBOX_STS", here},
                                                           {"SLUICE_SANDBOX_OSS", here}}));
  EXPECT_TRUE(source.ok()) << source.status();
  if (!source.ok()) return {};
  const auto settings = broker::ReadSettings(config, *source);
  EXPECT_TRUE(settings.ok()) << settings.status();
  return settings.ok() ? settings->grants : std::vector<Grant>();
}

Policy Read(const boost::json::object& document, PolicyKind kind = PolicyKind::kIdentity) {
  const auto policy = ParsePolicy(boost::json::serialize(document), kind);
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.value();
}

bool Allows(const Policy& policy, const Ask& ask) {
  return Evaluate(policy, ask).verdict == Verdict::kAllowed;
}

// Everything that anybody could ask OSS about the bucket and its neighbours, within reason.
std::vector<Ask> Probes(const std::string& bucket) {
  std::vector<Ask> out;
  const std::string start = "acs:oss:*:*:";
  for (const char* action : {"oss:PutObject",
                             "oss:GetObject",
                             "oss:DeleteObject",
                             "oss:ListParts",
                             "oss:AbortMultipartUpload",
                             "oss:PutObjectTagging",
                             "oss:GetObjectTagging",
                             "oss:DeleteObjectTagging",
                             "oss:PutObjectAcl",
                             "oss:GetObjectAcl",
                             "oss:GetObjectVersion",
                             "oss:RestoreObject",
                             "oss:ListObjects",
                             "oss:ListObjectVersions",
                             "oss:ListMultipartUploads",
                             "oss:ListBuckets",
                             "oss:GetBucketInfo",
                             "oss:PutBucketPolicy",
                             "oss:GetBucketPolicy",
                             "oss:DeleteBucketPolicy",
                             "oss:PutBucketAcl",
                             "oss:PutBucketLifecycle",
                             "oss:PutBucketCors",
                             "oss:DeleteBucket",
                             "sts:AssumeRole"}) {
    const bool listing = std::string_view(action).starts_with("oss:List");
    const bool putting = std::string_view(action).starts_with("oss:Put");
    for (const std::string& resource :
         {bucket + "/uploads/alice/cat.jpg", bucket + "/uploads/a", bucket + "/uploads/", bucket + "/uploads",
          bucket + "/uploads2/a", bucket + "/other/a", bucket + "/", bucket, bucket + "2/uploads/a",
          std::string("other/uploads/a"), std::string("other"), std::string("*")}) {
      for (const char* prefix : {"-", "", "uploads/alice/", "uploads/", "uploads", "other/"}) {
        for (const char* acl : {"-", "default", "private", "public-read", "public-read-write"}) {
          // Where an action looks at neither, one of each will do.
          if ((!listing && *prefix != '-') || (!putting && *acl != '-')) continue;
          for (const char* tls : {"true", "false"}) {
            Ask ask{action, start + resource, "", {{"acs:SecureTransport", tls}}};
            if (*prefix != '-') ask.context["oss:Prefix"] = prefix;
            if (*acl != '-') ask.context["oss:x-oss-object-acl"] = acl;
            out.push_back(std::move(ask));
          }
        }
      }
    }
  }
  return out;
}

std::string Name(const Ask& ask) {
  std::string out = ask.action + " on " + ask.resource;
  for (const auto& [key, value] : ask.context) out += ", " + key + "=" + value;
  return out;
}

bool IsPublic(const Ask& ask) {
  const auto acl = ask.context.find("oss:x-oss-object-acl");
  return acl != ask.context.end() && acl->second.starts_with("public-");
}

class RamPolicyIntegrationTest : public ::testing::TestWithParam<const char*> {
 protected:
  const std::vector<Grant> grants_ = GrantsOf(GetParam());
};

// In both directions: whatever some session policy of a grant gives is inside, and nothing else is.
TEST_P(RamPolicyIntegrationTest, TheCeilingGivesExactlyWhatSessionPoliciesMayAsk) {
  ASSERT_FALSE(grants_.empty());
  for (const std::string& role : broker::RolesOf(grants_)) {
    const Policy ceiling = Read(broker::CeilingPolicy(grants_, role).value());
    // The widest that are ever minted: of signing sessions, and a listing of all.
    std::vector<Policy> sessions;
    std::set<std::string> buckets;
    for (const Grant& grant : grants_) {
      if (grant.role_arn != role) continue;
      const Scope widest{grant.bucket,  grant.prefix.LiteralStart(), false, grant.operations, {},
                         grant.tls_only};
      sessions.push_back(ParsePolicy(broker::CompileSessionPolicy(widest).value()).value());
      buckets.insert(grant.bucket);
    }
    for (const std::string& bucket : buckets) {
      size_t given = 0;
      for (const Ask& ask : Probes(bucket)) {
        const bool asked = std::any_of(sessions.begin(), sessions.end(),
                                       [&](const Policy& session) { return Allows(session, ask); });
        const bool expected = asked && !(ask.action == "oss:PutObject" && IsPublic(ask));
        ASSERT_EQ(Allows(ceiling, ask), expected) << Name(ask);
        given += expected;
      }
      EXPECT_GT(given, 0u);
    }
  }
}

TEST_P(RamPolicyIntegrationTest, EveryOperationOfEveryGrantPassesSessionPolicyAndCeiling) {
  for (const Grant& grant : grants_) {
    const Policy ceiling = Read(broker::CeilingPolicy(grants_, grant.role_arn).value());
    for (const Operation operation : grant.operations) {
      const bool list = operation == token::v1::OPERATION_LIST;
      for (const std::string& target : {std::string("uploads/alice/"), std::string("uploads/alice/cat.jpg"),
                                        grant.prefix.WorstCase(), grant.prefix.LiteralStart()}) {
        const bool is_object = !target.ends_with('/');
        if (list && is_object) continue;
        const auto session = ParsePolicy(
            broker::CompileSessionPolicy({grant.bucket, target, is_object, {operation}, {}, grant.tls_only})
                .value());
        for (const std::string& action : broker::ActionsOf(operation)) {
          Ask ask{action,
                  "acs:oss:*:*:" + grant.bucket + (list ? "" : "/" + target + (is_object ? "" : "k")),
                  "",
                  {{"acs:SecureTransport", "true"}}};
          if (list) ask.context["oss:Prefix"] = target;
          EXPECT_TRUE(Allows(session.value(), ask)) << Name(ask);
          EXPECT_TRUE(Allows(ceiling, ask)) << Name(ask);
        }
      }
    }
  }
}

TEST_P(RamPolicyIntegrationTest, TheRolesTrustTheBrokerAloneAndItMayAssumeThemAlone) {
  const auto account = broker::RolesOf(grants_).front().substr(0, 26);
  for (const char* kind : {"user/sluice-broker", "role/sluice-broker"}) {
    const auto identity = broker::RamIdentity::Parse(kind, "", "", grants_).value();
    const Policy trust = Read(broker::TrustPolicy(identity), PolicyKind::kTrust);
    for (const char* other : {"user/sluice-broker", "role/sluice-broker", "user/sluice-broker2", "root"})
      EXPECT_EQ(Allows(trust, {"sts:AssumeRole", "", account + other, {}}), std::string_view(kind) == other);
  }
  const Policy own = Read(broker::BrokerPolicy(grants_));
  EXPECT_TRUE(Allows(own, {"sts:AssumeRole", broker::RolesOf(grants_).front(), "", {}}));
  EXPECT_FALSE(Allows(own, {"sts:AssumeRole", account + "role/admin", "", {}}));
  for (const Ask& ask : Probes(grants_.front().bucket)) EXPECT_FALSE(Allows(own, ask)) << Name(ask);
}

INSTANTIATE_TEST_SUITE_P(Samples, RamPolicyIntegrationTest,
                         ::testing::Values("token_broker.yaml", "token_broker.sandbox.yaml"));

TEST(RamPolicyTlsTest, WhatIsForTlsAloneIsNotGivenWithoutIt) {
  std::vector<Grant> grants = GrantsOf("token_broker.yaml");
  for (Grant& grant : grants) grant.tls_only = true;
  const Policy ceiling = Read(broker::CeilingPolicy(grants, grants.front().role_arn).value());
  size_t given = 0;
  for (const Ask& ask : Probes(grants.front().bucket)) {
    if (!Allows(ceiling, ask)) continue;
    ++given;
    EXPECT_EQ(ask.context.at("acs:SecureTransport"), "true") << Name(ask);
  }
  EXPECT_GT(given, 0u);
}

// The demo's config and the sandbox's default world are two texts by hand. The world's role also reads and
// removes tags, which no session policy asks for.
TEST(RamPolicyDemoTest, TheSandboxsDefaultWorldIsWhatTheDemosConfigNeeds) {
  const auto grants = GrantsOf("token_broker.sandbox.yaml");
  const auto world = sandbox::World::Default();
  const sandbox::Role* uploader = world->FindRole("sluice-uploader");
  ASSERT_NE(uploader, nullptr);
  const Policy ceiling = Read(broker::CeilingPolicy(grants, world->RoleArn(*uploader)).value());
  for (const Ask& ask : Probes("sluice-demo")) {
    if (ask.action == "oss:GetObjectTagging" || ask.action == "oss:DeleteObjectTagging") continue;
    EXPECT_EQ(Allows(ceiling, ask), Allows(*uploader->policy, ask)) << Name(ask);
  }

  const Policy own = Read(broker::BrokerPolicy(grants));
  const auto user = world->FindKey("SANDBOXBROKERKEYID00");
  for (const char* role : {"sluice-uploader", "sluice-broker", "admin"}) {
    const Ask ask{"sts:AssumeRole", "acs:ram::1000000000000001:role/" + std::string(role), "", {}};
    EXPECT_EQ(Allows(own, ask), Allows(*user->identity_policy, ask)) << role;
  }

  // A pod of the service account, and an instance, each by the world's one trust policy of the broker's role.
  const sandbox::Role* role = world->FindRole("sluice-broker");
  ASSERT_NE(role, nullptr);
  const Policy pods =
      Read(broker::BrokerTrustPolicy(
               broker::RamIdentity::Parse("role/sluice-broker", "sandbox", "sluice:sluice-broker", grants)
                   .value()),
           PolicyKind::kTrust);
  for (const char* sub :
       {"system:serviceaccount:sluice:sluice-broker", "system:serviceaccount:other:sluice-broker"}) {
    for (const char* aud : {"sts.aliyuncs.com", "sluice"}) {
      const Ask ask{"sts:AssumeRole",
                    "",
                    "acs:ram::1000000000000001:oidc-provider/sandbox",
                    {{"oidc:sub", sub}, {"oidc:aud", aud}},
                    sandbox::PrincipalKind::kFederated};
      EXPECT_EQ(Allows(pods, ask), Allows(role->trust, ask)) << sub << " " << aud;
    }
  }
  const Policy instances = Read(
      broker::BrokerTrustPolicy(broker::RamIdentity::Parse("role/sluice-broker", "", "", grants).value()),
      PolicyKind::kTrust);
  for (const char* service : {"ecs.aliyuncs.com", "fc.aliyuncs.com"}) {
    const Ask ask{"sts:AssumeRole", "", service, {}, sandbox::PrincipalKind::kService};
    EXPECT_EQ(Allows(instances, ask), Allows(role->trust, ask)) << service;
  }
  const Policy trust =
      Read(broker::TrustPolicy(broker::RamIdentity::Parse("user/broker", "", "", grants).value()),
           PolicyKind::kTrust);
  for (const char* who : {"user/broker", "user/other"}) {
    const Ask ask{"sts:AssumeRole", "", "acs:ram::1000000000000001:" + std::string(who), {}};
    EXPECT_EQ(Allows(trust, ask), Allows(uploader->trust, ask)) << who;
  }
}

}  // namespace
}  // namespace sluice
