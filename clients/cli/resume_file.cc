// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/resume_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestId = 8 * 1024;

std::string Folder(const Environment& environment) {
  const std::string xdg = environment("XDG_STATE_HOME").value_or("");
  if (!xdg.empty()) return xdg + "/sluice";
  const std::string home = environment("HOME").value_or("");
  return home.empty() ? "" : home + "/.local/state/sluice";
}

}  // namespace

ResumeFile::ResumeFile(const Environment& environment, const std::string& gateway, const std::string& file,
                       const std::string& path) {
  std::error_code error;
  const std::string folder = Folder(environment);
  const fs::path absolute = fs::absolute(file, error);
  if (folder.empty() || error) return;
  const auto time = fs::last_write_time(file, error).time_since_epoch().count();
  if (error) return;
  mark_ = std::to_string(fs::file_size(file, error)) + " " + std::to_string(time);
  const std::string name = gateway + "\n" + absolute.string() + "\n" + path;
  place_ = folder + "/upload-" + crypto::HexLower(crypto::Sha256(name)).substr(0, 32);
}

std::string ResumeFile::Read() const {
  if (place_.empty()) return "";
  const std::string text = ReadFile(place_).value_or("");
  const size_t line = text.find('\n');
  if (line == std::string::npos || text.substr(0, line) != mark_) return "";
  const std::string id = text.substr(line + 1);
  // As a gateway gives them; what somebody else wrote here is sent nowhere.
  const bool good = id.size() <= kLongestId &&
                    std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
  return good ? id : "";
}

absl::Status ResumeFile::Write(const std::string& upload_id) const {
  if (place_.empty()) return absl::OkStatus();
  std::error_code error;
  const fs::path folder = fs::path(place_).parent_path();
  fs::create_directories(folder, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  const std::string text = mark_ + "\n" + upload_id;
  const std::string half = place_ + ".part";
  fs::remove(half, error);
  const int fd = open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) close(fd);
  if (written && std::rename(half.c_str(), place_.c_str()) == 0) return absl::OkStatus();
  return Fail(absl::StatusCode::kInvalidArgument, "FILE_UNWRITABLE", "cannot write " + place_);
}

void ResumeFile::Remove() const {
  std::error_code ignored;
  if (!place_.empty()) fs::remove(place_, ignored);
}

}  // namespace sluice::cli
