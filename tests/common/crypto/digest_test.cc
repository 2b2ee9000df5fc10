// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/digest.h"

#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "tests/support/vectors.h"

namespace sluice::crypto {
namespace {

using sluice::testing::Expected;
using sluice::testing::Text;
using sluice::testing::Vectors;

TEST(DigestTest, Md5InPiecesIsTheEtagOfTheWhole) {
  for (const auto& vector : Vectors("etag-md5.json", "etag-simple")) {
    Md5Digest digest;
    for (char c : Text(vector, "data")) digest.Update(std::string_view(&c, 1));
    EXPECT_EQ(HexUpper(digest.Finish()), Expected(vector, "etag")) << Text(vector, "name");
  }
}

TEST(DigestTest, ContentMd5IsBase64OfTheRawDigest) {
  for (const auto& vector : Vectors("etag-md5.json", "content-md5")) {
    EXPECT_EQ(Base64Encode(Md5(Text(vector, "data"))), Expected(vector, "content_md5"));
  }
}

TEST(HmacTest, Sha1AgreesWithPublishedVectors) {
  for (const auto& vector : Vectors("rpc-v1.json", "hmac-sha1-base64")) {
    EXPECT_EQ(Base64Encode(HmacSha1(Text(vector, "secret"), Text(vector, "text"))),
              Expected(vector, "signature"))
        << Text(vector, "name");
  }
}

}  // namespace
}  // namespace sluice::crypto
