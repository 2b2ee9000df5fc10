// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/doctor.h"

#include <unistd.h>

#include <filesystem>

#include "common/base/status.h"
#include "common/base/text.h"

namespace sluice::cli {
namespace {

constexpr char kProgram[] = "sluice-broker";

bool IsProgram(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string FindBrokerProgram(const std::string& folder, const std::string& path) {
  std::vector<std::string> folders = SplitList(path, ':');
  folders.insert(folders.begin(), folder);
  for (const std::string& one : folders) {
    // An empty entry of PATH would be whatever folder one happens to be in.
    if (!one.empty() && IsProgram(std::filesystem::path(one) / kProgram)) return one + "/" + kProgram;
  }
  return "";
}

absl::Status RunDoctor(const DoctorArguments& arguments, const std::string& path) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = FindBrokerProgram(self.parent_path().string(), path);
  if (program.empty())
    return Fail(
        absl::StatusCode::kInvalidArgument, "USAGE",
        "sluice-broker is neither beside this program nor in PATH; doctor runs it where the broker runs");
  const char* const words[] = {program.c_str(), "--config", arguments.config.c_str(),
                               "--doctor",      "--output", arguments.json ? "json" : "text",
                               nullptr};
  execv(program.c_str(), const_cast<char* const*>(words));
  return Fail(absl::StatusCode::kInvalidArgument, "USAGE", program + " cannot be run");
}

}  // namespace sluice::cli
