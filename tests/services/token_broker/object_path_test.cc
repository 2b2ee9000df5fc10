// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/object_path.h"

#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;

TEST(ObjectPathTest, TellsPrefixesFromObjects) {
  EXPECT_FALSE(ParseObjectPath("").value().is_object);
  EXPECT_FALSE(ParseObjectPath("a/").value().is_object);
  EXPECT_TRUE(ParseObjectPath("a/b.jpg").value().is_object);
  EXPECT_EQ(ParseObjectPath("ünï/ço de.jpg").value().text, "ünï/ço de.jpg");
  EXPECT_TRUE(ParseObjectPath("..a/.b").ok());
}

TEST(ObjectPathTest, RefusesWhatCouldReachElsewhere) {
  for (const std::string& text : {std::string("/a"),       std::string("a//b"),
                                  std::string("."),        std::string(".."),
                                  std::string("../bob/x"), std::string("a/../b"),
                                  std::string("a/./b"),    std::string("a/.."),
                                  std::string("*"),        std::string("a?"),
                                  std::string("${x}"),     std::string("a\\b"),
                                  std::string("a\0b", 3),  std::string("a\nb"),
                                  std::string("\x7f"),     std::string("\xff"),
                                  std::string("\xC0\xAF"), std::string("\xED\xA0\x80"),
                                  std::string("\xE2\x82"), std::string("\xF4\x90\x80\x80"),
                                  std::string(901, 'a'),   std::string("/")}) {
    EXPECT_THAT(ParseObjectPath(text), FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID")) << text;
  }
}

}  // namespace
}  // namespace sluice::broker
