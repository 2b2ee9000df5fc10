// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/object_path.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace sluice::broker {
namespace {

Failure Invalid(std::string_view why) {
  return Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID", why);
}

}  // namespace

absl::StatusOr<ObjectPath> ParseObjectPath(std::string_view text) {
  if (text.size() > 900) return Invalid("the path is longer than 900 bytes");
  if (!IsUtf8(text)) return Invalid("the path is not UTF-8");
  const bool control =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 32 || c == 127; });
  if (control) return Invalid("the path holds a control character");
  if (text.find_first_of("*?$\\") != std::string_view::npos) {
    return Invalid("the path holds one of * ? $ \\, which policies would read as syntax; rename the object");
  }
  for (size_t from = 0; from < text.size();) {
    const size_t slash = text.find('/', from);
    const std::string_view segment = text.substr(from, slash - from);
    if (segment.empty())
      return Invalid("the path has an empty segment; it neither starts with / nor holds //");
    if (segment == "." || segment == "..") return Invalid("the path has a segment `.` or `..`");
    if (slash == std::string_view::npos) break;
    from = slash + 1;
  }
  return ObjectPath{std::string(text), !text.empty() && !text.ends_with('/')};
}

}  // namespace sluice::broker
