// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/form_plan.h"

#include "common/crypto/encoding.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class FormPlanTest : public ::testing::Test {
 protected:
  absl::StatusOr<FormPlan> Plan(const Limits& limits, token::v1::SignPostFormRequest request = {},
                                std::optional<Callback> callback = std::nullopt) {
    Grant grant{.prefix = PrefixTemplate::Parse("uploads/{subject}/").value()};
    grant.name = "g";
    grant.who = {{"app", {}}};
    grant.bucket = "b";
    grant.operations = {token::v1::OPERATION_UPLOAD};
    grant.limits = limits;
    grant.callback = std::move(callback);
    grants_ = std::make_unique<Grants>(std::vector<Grant>{std::move(grant)});
    return PlanForm({*grants_, denied_, alice_, origin_}, request);
  }
  std::unique_ptr<Grants> grants_;
  const DenyList denied_{};
  const identity::Caller alice_{"app", "alice", {}};
  const Origin origin_{"192.0.2.1", true};
};

TEST_F(FormPlanTest, WithoutLimitsOnlyThePrefixAndFiveGibibytesHold) {
  const auto plan = Plan({});
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->form.key, "uploads/alice/");
  EXPECT_TRUE(plan->form.key_is_prefix);
  EXPECT_EQ(plan->form.max_length, kLargestBody);
  EXPECT_THAT(plan->form.prefix_fields, IsEmpty());
}

TEST_F(FormPlanTest, TypesBecomeTheOneConditionThatHoldsThem) {
  EXPECT_THAT(Plan({0, {"image/*"}, false})->form.prefix_fields, Contains(Pair("content-type", "image/")));
  EXPECT_EQ(Plan({0, {"image/png", "image/gif"}, false})->form.listed_fields.size(), 1u);
  EXPECT_THAT(Plan({0, {"image/*", "text/plain"}, false}),
              FailsWith(absl::StatusCode::kFailedPrecondition, "LIMIT_NOT_ENFORCEABLE"));
  EXPECT_THAT(Plan({0, {"image/*", "text/plain"}, true}), IsOk());
  token::v1::SignPostFormRequest typed;
  typed.set_content_type("text/plain");
  EXPECT_THAT(Plan({0, {"image/*", "text/plain"}, false}, typed)->form.exact_fields,
              Contains(Pair("Content-Type", "text/plain")));
  EXPECT_THAT(Plan({0, {"image/*"}, false}, typed),
              FailsWith(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED"));
}

TEST_F(FormPlanTest, ACallbackIsBoundAsOssReadsIt) {
  const auto plan = Plan({}, {}, Callback{"https://cb.example/x", "key=${object}", "application/json"});
  ASSERT_THAT(plan, IsOk());
  std::string callback;
  for (const auto& [name, value] : plan->form.exact_fields) {
    if (name == "callback") callback = crypto::Base64Decode(value).value_or("");
  }
  EXPECT_EQ(
      callback,
      R"({"callbackUrl":"https://cb.example/x","callbackBody":"key=${object}","callbackBodyType":"application/json"})");
}

TEST_F(FormPlanTest, ThePolicyNamesEveryCondition) {
  token::v1::SignPostFormRequest request;
  request.set_path("a.png");
  request.set_content_type("image/png");
  request.set_max_length(10);
  const auto plan = Plan({}, request);
  const std::string policy = aliyun::OssPostPolicy(plan->form, {{"x-oss-date", "d"}}, Time());
  EXPECT_THAT(policy, HasSubstr(R"(["eq","$key","uploads/alice/a.png"])"));
  EXPECT_THAT(policy, HasSubstr(R"(["content-length-range",0,10])"));
  EXPECT_THAT(policy, HasSubstr(R"(["eq","$content-type","image/png"])"));
  EXPECT_THAT(policy, HasSubstr(R"({"bucket":"b"},{"x-oss-date":"d"})"));
}

}  // namespace
}  // namespace sluice::broker
