// SPDX-License-Identifier: Apache-2.0
#include "common/base/host.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(IsLoopbackHostTest, GoesByNumber) {
  for (const char* host : {"localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host : {"", "127.example.com", "127.0.0.1.5", "127.1", "128.0.0.1", "0.0.0.0",
                           "::", "[fe80::1]", "localhost.x", "[127"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST(IsNumericHostTest, KnowsBothKinds) {
  EXPECT_TRUE(IsNumericHost("10.1.2.3"));
  EXPECT_TRUE(IsNumericHost("[fe80::1]"));
  EXPECT_FALSE(IsNumericHost("localhost"));
  EXPECT_FALSE(IsNumericHost("oss-cn-hangzhou.aliyuncs.com"));
}

}  // namespace
}  // namespace sluice
