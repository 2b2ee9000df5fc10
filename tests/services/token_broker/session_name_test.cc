// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/session_name.h"

#include "gtest/gtest.h"

namespace sluice::broker {
namespace {

TEST(SessionNameTest, IsAlwaysWhatStsTakes) {
  EXPECT_EQ(SessionName("alice", "g0123456789abcdef"), "alice@g0123456789abcdef");
  for (const std::string& subject :
       {std::string(), std::string("a b/c*\xC3\xA9"), std::string(500, 'x'), std::string("\0\n", 2)}) {
    const std::string name = SessionName(subject, NewGrantId());
    EXPECT_GE(name.size(), 2u);
    EXPECT_LE(name.size(), 64u);
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@_-"),
              std::string::npos)
        << name;
  }
}

TEST(NewGrantIdTest, IsNewEachTime) { EXPECT_NE(NewGrantId(), NewGrantId()); }

}  // namespace
}  // namespace sluice::broker
