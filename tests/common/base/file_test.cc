// SPDX-License-Identifier: Apache-2.0
#include "common/base/file.h"

#include <filesystem>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

TEST(ReadFileTest, GivesAllBytesOrNothing) {
  const sluice::testing::TempDir dir;
  const std::string text(40000, 'x');

  EXPECT_EQ(ReadFile(dir.Write("a", text)), text);
  EXPECT_EQ(ReadFile(dir.Write("empty", "")), "");
  EXPECT_EQ(ReadFile(dir.Path("a"), 39999), std::nullopt);
  EXPECT_EQ(ReadFile(dir.Path("absent")), std::nullopt);
  EXPECT_EQ(ReadFile(dir.Path("")), std::nullopt);
  EXPECT_EQ(ReadFile("/dev/zero"), std::nullopt);
}

TEST(WriteFileWholeTest, ReplacesAndSaysWhenItCannot) {
  const sluice::testing::TempDir dir;
  dir.Write("a", "old");

  EXPECT_TRUE(WriteFileWhole(dir.Path("a"), "new"));
  EXPECT_EQ(dir.Read("a"), "new");
  EXPECT_FALSE(std::filesystem::exists(dir.Path("a.part")));
  EXPECT_FALSE(WriteFileWhole(dir.Path("no/such/folder"), "x"));
}

}  // namespace
}  // namespace sluice
