// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/resume_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "common/base/file.h"
#include "tests/support/fake_environment.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::cli {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::FakeEnvironment;
using sluice::testing::IsOk;
using sluice::testing::TempDir;

class ResumeFileTest : public ::testing::Test {
 protected:
  ResumeFile Of(const std::string& gateway = "g:1", const std::string& path = "a") const {
    return {FakeEnvironment({{"XDG_STATE_HOME", state_}}), gateway, file_, path};
  }
  // The one file that is kept.
  std::string Kept() const {
    for (const auto& entry : std::filesystem::directory_iterator(state_ + "/sluice"))
      return entry.path().string();
    return "";
  }

  TempDir dir_;
  const std::string state_ = dir_.Path("state");
  const std::string file_ = dir_.Write("file", "bytes");
};

TEST_F(ResumeFileTest, WhatWasKeptComesBackForTheSameUploadAlone) {
  EXPECT_EQ(Of().Read(), "");
  ASSERT_THAT(Of().Write("id"), IsOk());
  EXPECT_EQ(Of().Read(), "id");
  EXPECT_EQ(Of("g:2").Read(), "");
  EXPECT_EQ(Of("g:1", "b").Read(), "");
  Of().Remove();
  EXPECT_EQ(Of().Read(), "");
}

TEST_F(ResumeFileTest, AFileThatChangedIsAnotherOne) {
  ASSERT_THAT(Of().Write("id"), IsOk());
  dir_.Write("file", "other bytes");
  EXPECT_EQ(Of().Read(), "");
}

TEST_F(ResumeFileTest, NobodyElseMayReadIt) {
  ASSERT_THAT(Of().Write("id"), IsOk());
  struct stat found {};
  ASSERT_EQ(stat(Kept().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  ASSERT_EQ(stat((state_ + "/sluice").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(ResumeFileTest, HostileContentsAreNoId) {
  ASSERT_THAT(Of().Write("id"), IsOk());
  const std::string good = ReadFile(Kept()).value();
  for (const std::string& text : {std::string(), std::string("\n"), std::string("5"), std::string("5 1\nid"),
                                  "x" + good, std::string(1, '\0') + good, good.substr(0, good.find('\n'))}) {
    ASSERT_TRUE(WriteFileWhole(Kept(), text));
    EXPECT_EQ(Of().Read(), "") << text;
  }
  std::filesystem::remove(Kept());
  EXPECT_EQ(Of().Read(), "");
}

TEST_F(ResumeFileTest, AnIdThatNoGatewayGivesIsNone) {
  for (const std::string& id :
       {std::string("i\nd"), std::string("i\0d", 3), std::string(64 * 1024, 'i'), std::string("\x1b[2J")}) {
    ASSERT_THAT(Of().Write(id), IsOk());
    EXPECT_EQ(Of().Read(), "") << id.size();
  }
}

TEST_F(ResumeFileTest, ALinkInItsPlaceIsReplacedNotFollowed) {
  ASSERT_THAT(Of().Write("id"), IsOk());
  const std::string place = Kept();
  const std::string target = dir_.Write("target", "precious");
  std::filesystem::remove(place);
  std::filesystem::create_symlink(target, place);
  std::filesystem::create_symlink(target, place + ".part");
  ASSERT_THAT(Of().Write("id"), IsOk());
  EXPECT_EQ(ReadFile(target).value(), "precious");
  EXPECT_EQ(Of().Read(), "id");
}

TEST_F(ResumeFileTest, WhereNothingCanBeKeptNothingIs) {
  const ResumeFile nowhere(FakeEnvironment({}), "g:1", file_, "a");
  EXPECT_THAT(nowhere.Write("id"), IsOk());
  EXPECT_EQ(nowhere.Read(), "");
  dir_.Write("state", "a file, no folder");
  EXPECT_THAT(Of().Write("id"), FailsWith(absl::StatusCode::kInvalidArgument, "FILE_UNWRITABLE"));
  EXPECT_EQ(Of().Read(), "");
}

}  // namespace
}  // namespace sluice::cli
