// SPDX-License-Identifier: Apache-2.0
#include "common/http/target.h"

#include "gtest/gtest.h"

namespace sluice::http {
namespace {

TEST(TargetTest, DecodesPathAndQueryApart) {
  auto target = ParseTarget("/a%2Fb/c+d?x=1%262&y&z=&plus=a+b&x=2");

  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b/c+d");
  EXPECT_EQ(target->Find("x"), "1&2");
  EXPECT_EQ(target->Find("y"), "");
  EXPECT_EQ(target->Find("z"), "");
  EXPECT_EQ(target->Find("plus"), "a b");
  EXPECT_FALSE(target->Has("w"));
}

TEST(TargetTest, RefusesWhatIsNotAPathAndBrokenEscapes) {
  for (const char* text : {"", "a", "*", "http://x/", "/%", "/%4", "/%zz", "/a?%", "/a?b=%f"})
    EXPECT_FALSE(ParseTarget(text)) << text;
}

}  // namespace
}  // namespace sluice::http
