// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_address.h"

#include "gtest/gtest.h"

namespace sluice::aliyun {
namespace {

TEST(OssAddressTest, TheBucketStandsWhereTheHostWantsIt) {
  EXPECT_EQ(OssBucketUrl("https://oss-cn-hangzhou.aliyuncs.com", "b"),
            "https://b.oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(OssBucketUrl("http://127.0.0.1:9000", "b"), "http://127.0.0.1:9000/b");
  EXPECT_EQ(OssBucketUrl("http://[::1]:9000", "b"), "http://[::1]:9000/b");
  EXPECT_EQ(OssBucketUrl("http://localhost:9000", "b"), "http://localhost:9000/b");
  // A CNAME is the bucket itself.
  EXPECT_EQ(OssBucketUrl("https://uploads.example.com", "b"), "https://uploads.example.com");
}

TEST(OssAddressTest, KeysAndQueriesAreEncoded) {
  EXPECT_EQ(OssObjectUrl("https://h", "a b/c?d", {{"uploads", ""}, {"x", "a&b"}}),
            "https://h/a%20b/c%3Fd?uploads&x=a%26b");
}

}  // namespace
}  // namespace sluice::aliyun
