// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/base/environment.h"

namespace sluice::cli {

// What is kept of an upload through the gateway that was cut short, so that the same command goes on with it:
// a file of its own below `$XDG_STATE_HOME/sluice` or `~/.local/state/sluice`, for its owner's eyes alone,
// since an upload id may be all the proof there is. Where there is no such place nothing is kept.
class ResumeFile {
 public:
  // Of the upload of `file` to `path` by `gateway`, as long as the file has its size and its time of change.
  ResumeFile(const Environment& environment, const std::string& gateway, const std::string& file,
             const std::string& path);

  // Empty where nothing is kept, the file is another one now, or what is kept is no id.
  std::string Read() const;
  // `INVALID_ARGUMENT` `FILE_UNWRITABLE`; then the upload goes on without.
  absl::Status Write(const std::string& upload_id) const;
  void Remove() const;

 private:
  std::string place_;
  // The file's size and time, as the first line of what is kept.
  std::string mark_;
};

}  // namespace sluice::cli
