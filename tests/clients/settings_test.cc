// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/settings.h"

#include <map>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::cli {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

class SettingsTest : public ::testing::Test {
 protected:
  absl::StatusOr<client::TokenClientOptions> Read(const SettingFlags& flags) {
    return ReadSettings(flags, [this](const std::string& name) {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional<std::string>(found->second);
    });
  }
  void Configure(const std::string& yaml) {
    std::filesystem::create_directories(dir_.Path("sluice"));
    dir_.Write("sluice/config.yaml", yaml);
    environment_["XDG_CONFIG_HOME"] = dir_.Path("");
  }
  sluice::testing::TempDir dir_;
  std::map<std::string, std::string> environment_;
};

TEST_F(SettingsTest, FlagsComeBeforeTheEnvironmentAndThatBeforeTheFile) {
  Configure("broker: from-file:1\nca: ca-file\n");
  EXPECT_EQ(Read({})->address, "from-file:1");
  environment_["SLUICE_BROKER"] = "from-env:1";
  EXPECT_EQ(Read({})->address, "from-env:1");
  EXPECT_EQ(Read({"from-flag:1", "", ""})->address, "from-flag:1");
  EXPECT_EQ(Read({})->ca_file, "ca-file");
}

TEST_F(SettingsTest, TheJwtIsReadFromItsFileAndTrimmed) {
  environment_["SLUICE_BROKER"] = "b:1";
  EXPECT_TRUE(Read({})->jwt.empty());
  EXPECT_EQ(Read({"", dir_.Write("jwt", "a.b.c\n"), ""})->jwt.Reveal(), "a.b.c");
  EXPECT_THAT(Read({"", dir_.Path("absent"), ""}),
              FailsWith(absl::StatusCode::kInvalidArgument, "JWT_UNREADABLE"));
  EXPECT_THAT(Read({"", dir_.Write("empty", "\n"), ""}),
              FailsWith(absl::StatusCode::kInvalidArgument, "JWT_UNREADABLE"));
}

TEST_F(SettingsTest, WhatIsMissingOrWrongIsSaid) {
  EXPECT_THAT(Read({}), FailsWith(absl::StatusCode::kInvalidArgument, "BROKER_UNSET"));
  Configure("brokr: x\n");
  EXPECT_THAT(Read({}), FailsWith(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID"));
}

}  // namespace
}  // namespace sluice::cli
