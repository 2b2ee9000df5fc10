// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/doctor.h"

#include <filesystem>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace sluice::cli {
namespace {

class FindBrokerProgramTest : public ::testing::Test {
 protected:
  // A folder with such a file in it.
  std::string Folder(const std::string& name, bool executable) {
    std::filesystem::create_directories(dir_.Path(name));
    const std::string file = dir_.Write(name + "/sluice-broker", "#!/bin/sh\n");
    if (executable) std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return dir_.Path(name);
  }
  sluice::testing::TempDir dir_;
};

TEST_F(FindBrokerProgramTest, TheOneBesideComesBeforeThoseOfPath) {
  const std::string here = Folder("here", true);
  const std::string there = Folder("there", true);
  EXPECT_EQ(FindBrokerProgram(here, there), here + "/sluice-broker");
  EXPECT_EQ(FindBrokerProgram(dir_.Path("absent"), "/nonexistent:" + there), there + "/sluice-broker");
}

TEST_F(FindBrokerProgramTest, WhatCannotBeRunIsNone) {
  const std::string plain = Folder("plain", false);
  std::filesystem::create_directories(dir_.Path("odd/sluice-broker"));
  EXPECT_EQ(FindBrokerProgram(plain, dir_.Path("odd")), "");
  EXPECT_EQ(FindBrokerProgram("", ""), "");
}

TEST_F(FindBrokerProgramTest, AnEmptyEntryOfPathIsNotTheFolderOneIsIn) {
  const std::string here = Folder("here", true);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(here);
  EXPECT_EQ(FindBrokerProgram("", ":"), "");
  std::filesystem::current_path(before);
}

}  // namespace
}  // namespace sluice::cli
