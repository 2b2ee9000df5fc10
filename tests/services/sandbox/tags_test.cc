// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/tags.h"

#include "gtest/gtest.h"

namespace sluice::sandbox {
namespace {

std::string Tag(const std::string& key, const std::string& value) {
  return "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>";
}
std::string Document(const std::string& tags) { return "<Tagging><TagSet>" + tags + "</TagSet></Tagging>"; }

TEST(ParseTagHeaderTest, ReadsEncodedPairsAndBareKeys) {
  const auto tags = ParseTagHeader("a=1&b%2Fc=x%20y&bare");

  ASSERT_TRUE(std::holds_alternative<Tags>(tags));
  EXPECT_EQ(std::get<Tags>(tags), (Tags{{"a", "1"}, {"b/c", "x y"}, {"bare", ""}}));
}

TEST(ParseTagHeaderTest, RefusesWhatIsNoSetOfTags) {
  std::string eleven = "k0=v";
  for (int i = 1; i < 11; ++i) eleven += "&k" + std::to_string(i) + "=v";
  for (const std::string& text : {std::string("a=1&a=2"), std::string("aa=bb=cc"), std::string("a=%zz"),
                                  std::string("a=<"), std::string("=v"), eleven, std::string(129, 'k') + "=v",
                                  "k=" + std::string(257, 'v'), std::string("a=%00")}) {
    const auto tags = ParseTagHeader(text);
    ASSERT_TRUE(std::holds_alternative<Fault>(tags)) << text;
    EXPECT_EQ(std::get<Fault>(tags).code, "InvalidArgument");
  }
}

TEST(ParseTagXmlTest, ReadsWhatItWrites) {
  const Tags tags{{"a", "1"}, {"b c", ""}};

  EXPECT_EQ(std::get<Tags>(ParseTagXml(TagXml(tags))), tags);
}

TEST(ParseTagXmlTest, RefusesOtherDocumentsAndTags) {
  auto code = [](const std::string& body) { return std::get<Fault>(ParseTagXml(body)).code; };
  for (const std::string& body : {std::string(), std::string("<"), std::string("<Tagging/>"),
                                  std::string("<TagSet/>"), "<!DOCTYPE a>" + Document(Tag("a", "b"))}) {
    EXPECT_EQ(code(body), "MalformedXML") << body;
  }
  EXPECT_EQ(code(Document(Tag("a", "1") + Tag("a", "2"))), "InvalidTag");
  EXPECT_EQ(code(Document(Tag("", "1"))), "InvalidTag");
  EXPECT_EQ(code(Document(Tag("a", "&lt;"))), "InvalidTag");
}

}  // namespace
}  // namespace sluice::sandbox
