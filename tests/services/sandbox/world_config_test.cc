// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/world_config.h"

#include <fstream>
#include <iterator>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::IsOk;
using ::testing::HasSubstr;

class WorldConfigTest : public ::testing::Test {
 protected:
  // The sample of the repository with `from` replaced; its secret from a file, as the environment is not
  // ours.
  std::string Sample(const std::string& from = "", const std::string& to = "") {
    std::ifstream in(std::string(SLUICE_SOURCE_DIR) + "/deploy/config/sandbox.yaml");
    std::string text(std::istreambuf_iterator<char>(in), {});
    dir_.Write("secret", "sandbox-broker-secret\n");
    text.replace(text.find("${SANDBOX_BROKER_SECRET}"), 24, "file:secret");
    if (!from.empty()) {
      EXPECT_NE(text.find(from), std::string::npos) << from;
      text.replace(text.find(from), from.size(), to);
    }
    return dir_.Write("world.yaml", text);
  }
  sluice::testing::TempDir dir_;
};

TEST_F(WorldConfigTest, TheSampleIsTheDefaultWorld) {
  const auto world = LoadWorld(Sample());
  ASSERT_THAT(world, IsOk());
  const auto standard = World::Default();

  const auto user = (*world)->FindKey("SANDBOXBROKERKEYID00");
  const auto same = standard->FindKey("SANDBOXBROKERKEYID00");
  ASSERT_NE(user, nullptr);
  EXPECT_EQ(user->arn, same->arn);
  EXPECT_TRUE(user->secret == same->secret);
  EXPECT_EQ((*world)->FindBucket("sluice-demo")->region, "cn-hangzhou");
  const Role* role = (*world)->FindRole("sluice-uploader");
  const Role* standard_role = standard->FindRole("sluice-uploader");
  ASSERT_NE(role, nullptr);
  EXPECT_EQ(role->max_session, standard_role->max_session);
  for (const char* action :
       {"oss:PutObject", "oss:GetObject", "oss:DeleteObject", "oss:ListParts", "oss:AbortMultipartUpload",
        "oss:PutObjectTagging", "oss:ListObjects", "oss:PutBucketAcl"}) {
    for (const char* resource :
         {"acs:oss:*:*:sluice-demo/uploads/a", "acs:oss:*:*:sluice-demo", "acs:oss:*:*:other/uploads/a"}) {
      for (const char* acl : {"private", "public-read"}) {
        const Ask ask{action, resource, "", {{"oss:Prefix", "uploads/a"}, {"oss:x-oss-object-acl", acl}}};
        EXPECT_EQ(Evaluate(*role->policy, ask).verdict, Evaluate(*standard_role->policy, ask).verdict)
            << action << resource;
      }
    }
  }
}

TEST_F(WorldConfigTest, TheSamplesRolesTrustWhomTheDefaultOnesTrust) {
  const auto world = LoadWorld(Sample());
  ASSERT_THAT(world, IsOk());
  const auto standard = World::Default();
  const std::string start = "acs:ram::1000000000000001:";
  ASSERT_NE((*world)->instance_role(), nullptr);
  EXPECT_EQ((*world)->instance_role()->name, standard->instance_role()->name);
  for (const char* name : {"sluice-uploader", "sluice-broker"}) {
    const Role* role = (*world)->FindRole(name);
    const Role* standard_role = standard->FindRole(name);
    ASSERT_NE(role, nullptr);
    EXPECT_EQ(role->id, standard_role->id);
    EXPECT_EQ(role->max_session, standard_role->max_session);
    size_t allowed = 0;
    for (const std::string& principal :
         {start + "user/broker", start + "role/sluice-broker", start + "role/sluice-uploader",
          start + "oidc-provider/sandbox", std::string("ecs.aliyuncs.com")}) {
      for (const char* sub :
           {"system:serviceaccount:sluice:sluice-broker", "system:serviceaccount:sluice:other"}) {
        for (const char* aud : {"sts.aliyuncs.com", "sluice"}) {
          for (auto kind : {PrincipalKind::kRam, PrincipalKind::kFederated, PrincipalKind::kService}) {
            const Ask ask{"sts:AssumeRole", "", principal, {{"oidc:sub", sub}, {"oidc:aud", aud}}, kind};
            const Verdict verdict = Evaluate(role->trust, ask).verdict;
            EXPECT_EQ(verdict, Evaluate(standard_role->trust, ask).verdict)
                << name << principal << sub << aud;
            allowed += verdict == Verdict::kAllowed ? 1 : 0;
          }
        }
      }
    }
    // The user and the role, whatever the rest; the instance likewise, and the one subject with the one
    // audience.
    EXPECT_EQ(allowed, std::string_view(name) == "sluice-uploader" ? 8u : 5u);
    for (const std::string& resource : {start + "role/sluice-uploader", start + "role/sluice-broker"}) {
      const Ask ask{"sts:AssumeRole", resource, "", {}};
      EXPECT_EQ(Evaluate(*role->policy, ask).verdict, Evaluate(*standard_role->policy, ask).verdict);
    }
  }
}

TEST_F(WorldConfigTest, TheSamplesBucketIsOpenToPagesAsTheDefaultOneIs) {
  const auto world = LoadWorld(Sample());
  ASSERT_THAT(world, IsOk());
  const auto& sample = (*world)->FindBucket("sluice-demo")->cors;
  const auto standard_world = World::Default();
  const auto& standard = standard_world->FindBucket("sluice-demo")->cors;
  ASSERT_EQ(sample.size(), 1u);
  EXPECT_EQ(sample[0].origins, standard[0].origins);
  EXPECT_EQ(sample[0].methods, standard[0].methods);
  EXPECT_EQ(sample[0].allowed_headers, standard[0].allowed_headers);
  EXPECT_EQ(sample[0].exposed_headers, standard[0].exposed_headers);
}

TEST_F(WorldConfigTest, EveryMistakeHasItsPlaceAndMend) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"account: \"1000000000000001\"", "account: mine", "account: must be an account number"},
      {"name: broker", "name: 'b r'", "users[0].name"},
      {"SANDBOXBROKERKEYID00", "STS.X", "users[0].access_key_id"},
      {"file:secret", "file:absent", "users[0].access_key_secret"},
      {"file:secret", "plain", "a secret is written as"},
      {"\"Resource\":\"acs:ram", "\"Res\":\"acs:ram", "users[0].policy_json: unknown member"},
      {"\"Principal\"", "\"Resource\"", "roles[0].trust_policy_json"},
      {"max_session_duration: 1h", "max_session_duration: 30m", "must be 1h to 12h"},
      {"instance_role: sluice-broker", "instance_role: other", "must be the name of one of the roles"},
      {"instance_role: sluice-broker", "instance_role: sluice-uploader", "must trust the service"},
      {"\"Federated\"", "\"Fed\"", "roles[1].trust_policy_json"},
      {"name: sluice-demo", "name: Sluice_Demo", "buckets[0].name"},
      {"region: cn-hangzhou", "region: ''", "buckets[0].region"},
      {"- name: sluice-demo", "- {name: sluice-demo, region: cn-hangzhou}\n  - name: sluice-demo",
       "is taken by another bucket"},
      {"allowed_origins: [\"*\"]", "allowed_origins: []", "buckets[0].cors[0].allowed_origins"},
      {"GET, PUT, POST", "GET, PATCH", "buckets[0].cors[0].allowed_methods"}};
  for (const auto& [from, to, says] : cases) {
    const absl::Status status = LoadWorld(Sample(from, to)).status();
    EXPECT_EQ(Reason(status), "CONFIG_INVALID") << to;
    EXPECT_THAT(status.ToString(), HasSubstr(says));
  }
}

}  // namespace
}  // namespace sluice::sandbox
