// SPDX-License-Identifier: Apache-2.0
#include "common/base/cancel.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(CancelTest, RunsWaitersOnceAndLateOnesAtOnce) {
  CancelSource source;
  int calls = 0;
  source.token().OnCancel([&] { ++calls; });

  source.Cancel();
  source.Cancel();
  source.token().OnCancel([&] { ++calls; });

  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(source.token().cancelled());
}

TEST(CancelTest, DefaultTokenIsNeverCancelled) { EXPECT_FALSE(CancelToken().cancelled()); }

}  // namespace
}  // namespace sluice
