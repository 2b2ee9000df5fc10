// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/prefix_template.h"

#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

TEST(PrefixTemplateTest, FillsInSubjectAndClaimsEncoded) {
  const auto prefix = PrefixTemplate::Parse("uploads/{tenant}/user-{subject}/");
  ASSERT_THAT(prefix, IsOk());

  EXPECT_EQ(prefix->Expand("al/ice*", {{"tenant", "acme"}}).value(), "uploads/acme/user-al=2Fice=2A/");
  EXPECT_TRUE(prefix->has_claims());
  EXPECT_FALSE(PrefixTemplate::Parse("uploads/public/")->has_claims());
  EXPECT_EQ(prefix->WorstCase().size(), 8u + 128 + 1 + 5 + 128 + 1);
}

TEST(PrefixTemplateTest, AMissingOrUnusableClaimRefusesTheCaller) {
  const auto prefix = PrefixTemplate::Parse("uploads/{tenant}/");
  for (const boost::json::object& claims : {boost::json::object{},
                                            {{"tenant", ""}},
                                            {{"tenant", ".."}},
                                            {{"tenant", 7}},
                                            {{"tenant", {"a"}}},
                                            {{"tenant", boost::json::string(129, 'a')}}}) {
    EXPECT_THAT(prefix->Expand("alice", claims),
                FailsWith(absl::StatusCode::kInvalidArgument, "CLAIM_UNUSABLE"));
  }
}

TEST(PrefixTemplateTest, RefusesWhatCouldMixCallersOrMeanAPolicy) {
  for (const char* text : {"",
                           "/",
                           "uploads",
                           "uploads/{subject}",
                           "/uploads/",
                           "uploads//",
                           "uploads/./",
                           "uploads/../",
                           "{subject}/",
                           "x{subject}/",
                           "uploads/{a}{b}/",
                           "uploads/{a}-{b}/",
                           "uploads/*/",
                           "uploads/?/",
                           "uploads/${x}/",
                           "uploads/{}/",
                           "uploads/{a/",
                           "uploads/a}/",
                           "uploads/}{/",
                           "uploads/{a b}/",
                           "uploads/\x01/",
                           "uploads/=41/",
                           "uploads/{a}/{b}/{c}/{d}/"}) {
    EXPECT_THAT(PrefixTemplate::Parse(text), FailsWith(absl::StatusCode::kInvalidArgument, "PREFIX_INVALID"))
        << text;
  }
}

TEST(PrefixTemplateTest, AHashSpreadsCallersAndKeepsThemApart) {
  const auto prefix = PrefixTemplate::Parse("uploads/{hash}/{subject}/").value();
  const std::string alice = prefix.Expand("alice", {}).value();
  EXPECT_EQ(alice.size(), std::string("uploads/0000/alice/").size());
  EXPECT_EQ(alice, prefix.Expand("alice", {}).value());
  EXPECT_NE(alice.substr(8, 4), prefix.Expand("bob", {}).value().substr(8, 4));
  EXPECT_EQ(prefix.LiteralStart(), "uploads/");
  EXPECT_EQ(PrefixTemplate::Parse("a/b/x-{subject}/").value().LiteralStart(), "a/b/");
}

}  // namespace
}  // namespace sluice::broker
