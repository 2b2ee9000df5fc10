// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace sluice {

// Where each value of a config was written, so that a later check can point at it. Unchanging.
class ConfigSource {
 public:
  // `INVALID_ARGUMENT` `CONFIG_INVALID`, text `file:line:column: field: what`. A field that is not in the
  // file is located at the nearest one around it.
  absl::Status Error(const std::string& field, std::string_view what) const;
  // Those that values were read from, as `file:PATH` says, with the config's directory before a relative one.
  const std::set<std::string>& files() const { return files_; }

 private:
  friend class ConfigReader;
  struct Place {
    int line = 1;
    int column = 1;
  };
  std::string file_;
  std::map<std::string, Place> places_;
  std::set<std::string> files_;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment ProcessEnvironment();

// Fills `out` from YAML in snake_case. Durations are written `15m`, `*_bytes` as `5MiB` or a number, enums
// without their prefix; a message with a field `address` may be given as that text alone. A whole value may
// be `${NAME}` or `file:PATH` (relative to the config, one trailing line break dropped); fields marked
// sensitive must be. `$${` anywhere else is a plain `${`. Refuses, each with file, line, column, field and
// mend: unknown or repeated fields, wrong types, two members of a oneof, several documents, files over 1 MiB.
// Never repeats the value of a secret.
absl::StatusOr<ConfigSource> LoadConfig(const std::string& path, google::protobuf::Message& out,
                                        const Environment& environment = ProcessEnvironment());

// The same for a text that was read already; `path` is where it came from.
absl::StatusOr<ConfigSource> ReadConfig(const std::string& path, const std::string& text,
                                        google::protobuf::Message& out,
                                        const Environment& environment = ProcessEnvironment());

}  // namespace sluice
