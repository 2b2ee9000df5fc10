// SPDX-License-Identifier: Apache-2.0
// The names behind CVE-2026-42809 to 42812 (credentials minted before the location was judged, `*` in a name,
// a quote in a condition, an unchecked path) and their relatives, as subject and as path: whatever is not
// refused stays in its own folder, and no two are the same folder.
#include <map>

#include "services/token_broker/policy_proof.h"
#include "services/token_broker/token_plan.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

const std::vector<std::string>& Names() {
  static const auto* const kNames = new std::vector<std::string>{"*",
                                                                 "?",
                                                                 "f*.t1",
                                                                 "*.*",
                                                                 "foo.*",
                                                                 "foo.?",
                                                                 "${oss:Prefix}",
                                                                 "${*}",
                                                                 "$",
                                                                 "\\",
                                                                 "a\"b",
                                                                 "a'b",
                                                                 "\",\"Effect\":\"Allow",
                                                                 "a`b",
                                                                 "alice",
                                                                 "alic",
                                                                 "alicea",
                                                                 "alice/",
                                                                 "alice/..",
                                                                 "../bob",
                                                                 "..",
                                                                 ".",
                                                                 "...",
                                                                 "%2e%2e",
                                                                 "%2e",
                                                                 "..%2fbob",
                                                                 "%2F",
                                                                 "bob%00",
                                                                 std::string("bob\0x", 5),
                                                                 std::string("\0", 1),
                                                                 "a\nb",
                                                                 "a\r\nb",
                                                                 "a\tb",
                                                                 "\x7f",
                                                                 "",
                                                                 " ",
                                                                 " alice",
                                                                 "alice ",
                                                                 "Alice",
                                                                 "ALICE",
                                                                 "аlice" /* Cyrillic a */,
                                                                 "ａｌｉｃｅ" /* full width */,
                                                                 "é" /* NFC */,
                                                                 "e\u0301" /* NFD */,
                                                                 "ß",
                                                                 "ss",
                                                                 "\u202Ealice",
                                                                 "\u200Balice",
                                                                 "alice\u200B",
                                                                 "\uFEFFalice",
                                                                 "😀",
                                                                 "\xff",
                                                                 "\xc0\xae\xc0\xae",
                                                                 "\xed\xa0\x80",
                                                                 "=2E=2E",
                                                                 "=61lice",
                                                                 "alice=",
                                                                 "a=b",
                                                                 "a/b",
                                                                 "a//b",
                                                                 "/alice",
                                                                 "a\\b",
                                                                 std::string(128, 'a'),
                                                                 std::string(129, 'a'),
                                                                 std::string(1023, 'a'),
                                                                 std::string(43, '*'),
                                                                 "acs:oss:*:*:bucket",
                                                                 "uploads/bob",
                                                                 "{subject}",
                                                                 "{hash}",
                                                                 "-",
                                                                 "_",
                                                                 "@",
                                                                 "~",
                                                                 "CON",
                                                                 "null",
                                                                 "undefined",
                                                                 "true",
                                                                 "0",
                                                                 "1e9",
                                                                 "<script>",
                                                                 "; rm -rf /",
                                                                 "' OR 1=1 --"};
  return *kNames;
}

Grant TheGrant() {
  Grant grant{.prefix = PrefixTemplate::Parse("uploads/{subject}/").value()};
  grant.name = "g";
  grant.who = {{"app", {}}};
  grant.bucket = "sluice-demo";
  grant.operations = {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_LIST, token::v1::OPERATION_DOWNLOAD};
  return grant;
}

class HostileNamesTest : public ::testing::Test {
 protected:
  absl::StatusOr<TokenPlan> Plan(const std::string& subject, const std::string& path) {
    const identity::Caller caller{"app", subject, {}, false, std::nullopt};
    token::v1::IssueTokenRequest request;
    request.set_path(path);
    return PlanToken({grants_, denied_, caller, origin_}, request);
  }
  const Grants grants_{{TheGrant()}};
  const DenyList denied_{};
  const Origin origin_{"192.0.2.1", true};
};

TEST_F(HostileNamesTest, NoTwoSubjectsShareAFolderAndNoneReachesAnothers) {
  std::map<std::string, std::string> folders;
  size_t accepted = 0;
  for (const std::string& subject : Names()) {
    const auto plan = Plan(subject, "");
    if (!plan.ok()) continue;
    ++accepted;
    const std::string& folder = plan->access.scope.target;
    EXPECT_TRUE(folders.emplace(folder, subject).second) << subject << " and " << folders[folder];
    EXPECT_EQ(std::count(folder.begin(), folder.end(), '/'), 2) << folder;
    EXPECT_EQ(folder.find_first_of("*?$\"'\\%{}"), std::string::npos) << folder;
  }
  EXPECT_GT(accepted, 50u);
  for (const auto& [one, a] : folders) {
    for (const auto& [other, b] : folders) {
      if (one != other) EXPECT_FALSE(one.starts_with(other)) << a << " is inside " << b;
    }
  }
}

TEST_F(HostileNamesTest, APathStaysBelowItsCallersFolder) {
  size_t accepted = 0;
  for (const std::string& name : Names()) {
    for (const std::string& path : {name, name + "/", "a/" + name, "a/" + name + "/b.jpg"}) {
      const auto plan = Plan("alice", path);
      if (!plan.ok()) continue;
      ++accepted;
      EXPECT_TRUE(plan->access.scope.target.starts_with("uploads/alice/")) << path;
      EXPECT_EQ(("/" + path + "/").find("/../"), std::string::npos) << path;
      EXPECT_EQ(path.find_first_of("*?$\\"), std::string::npos) << path;
      EXPECT_THAT(ProvePolicy(plan->policy_json, plan->access.scope), sluice::testing::IsOk()) << path;
    }
  }
  EXPECT_GT(accepted, 50u);
}

TEST_F(HostileNamesTest, AKeyOf1023BytesIsTheLongest) {
  const std::string prefix = "uploads/alice/";
  EXPECT_THAT(Plan("alice", std::string(900, 'k')), sluice::testing::IsOk());
  EXPECT_THAT(Plan(std::string(120, 's'), std::string(1023 - 129, 'k')), sluice::testing::IsOk());
  EXPECT_THAT(Plan(std::string(120, 's'), std::string(1023 - 128, 'k')),
              sluice::testing::FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"));
}

}  // namespace
}  // namespace sluice::broker
