// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/object_path.h"

#include <algorithm>

#include "common/base/status.h"

namespace sluice::broker {
namespace {

Failure Invalid(std::string_view why) {
  return Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID", why);
}

// Well-formed UTF-8: no stray or missing continuation, no overlong form, no surrogate, nothing beyond
// U+10FFFF.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t more = lead < 0x80                   ? 0
                        : lead >= 0xC2 && lead < 0xE0 ? 1
                        : lead >= 0xE0 && lead < 0xF0 ? 2
                        : lead >= 0xF0 && lead < 0xF5 ? 3
                                                      : 4;
    if (more == 4 || text.size() - i <= more) return false;
    for (size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto second = more > 0 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += more + 1;
  }
  return true;
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
