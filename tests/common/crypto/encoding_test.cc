// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/encoding.h"

#include "common/crypto/random.h"
#include "tests/support/vectors.h"

namespace sluice::crypto {
namespace {

using sluice::testing::Expected;
using sluice::testing::Text;
using sluice::testing::Vectors;

TEST(PercentEncodingTest, AgreesWithPublishedVectors) {
  for (const auto& vector : Vectors("uri-encode.json", "uri-encode")) {
    const std::string encoded = PercentEncode(Text(vector, "text"), vector.at("keep_slash").as_bool());
    EXPECT_EQ(encoded, Expected(vector, "encoded")) << Text(vector, "name");
    EXPECT_EQ(PercentDecode(encoded), Text(vector, "text"));
  }
}

TEST(PercentEncodingTest, RefusesBrokenEscapes) {
  for (const char* text : {"%", "%4", "%zz", "a%", "a%4", "%4g", "%%41"}) {
    EXPECT_EQ(PercentDecode(text), std::nullopt) << text;
  }
  EXPECT_EQ(PercentDecode("a+b", true), "a b");
  EXPECT_EQ(PercentDecode("a+b"), "a+b");
  EXPECT_EQ(PercentDecode("%00%ff"), std::string("\0\xff", 2));
}

TEST(Base64Test, RoundTripsEveryLength) {
  for (size_t size = 0; size < 50; ++size) {
    const std::string bytes = RandomBytes(size);
    EXPECT_EQ(Base64Decode(Base64Encode(bytes)), bytes);
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
  }
}

TEST(Base64Test, RefusesSloppyText) {
  for (const char* text : {"QQ", "QQ=", "QR==", "Q===", "====", "QQ==\n", " QQ==", "Q=Q=", "QQ==QQ=="}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
  for (const char* text : {"QQ==", "QR", "Q", "Q+", "Q/", "Q Q"})
    EXPECT_EQ(Base64UrlDecode(text), std::nullopt) << text;
}

}  // namespace
}  // namespace sluice::crypto
