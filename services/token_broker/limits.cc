// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/limits.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/text.h"

namespace sluice::broker {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kUsualPart = 8 * kMiB;

// Lower case, without parameters such as `; charset=utf-8`.
std::string Essence(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return Lower(type);
}

bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= 127 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.+").find(c) != std::string_view::npos;
  });
}

Failure Exceeded(const std::string& what) {
  return Fail(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED", what);
}

}  // namespace

bool IsContentType(std::string_view text, bool pattern) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || !IsToken(text.substr(0, slash))) return false;
  std::string_view rest = text.substr(slash + 1);
  if (pattern && rest == "*") return true;
  const size_t parameters = pattern ? std::string_view::npos : rest.find(';');
  if (parameters != std::string_view::npos) {
    const std::string_view tail = rest.substr(parameters);
    const bool visible = tail.size() <= 200 &&
                         std::all_of(tail.begin(), tail.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!visible) return false;
    rest = rest.substr(0, parameters);
    while (rest.ends_with(' ')) rest.remove_suffix(1);
  }
  return IsToken(rest);
}

bool AllowsType(const Limits& limits, std::string_view content_type) {
  if (limits.content_types.empty()) return true;
  const std::string type = Essence(content_type);
  return std::any_of(limits.content_types.begin(), limits.content_types.end(),
                     [&](const std::string& allowed) {
                       if (!allowed.ends_with("/*")) return Essence(allowed) == type;
                       return type.starts_with(Essence(allowed.substr(0, allowed.size() - 1)));
                     });
}

absl::Status CheckObject(const Limits& limits, std::string_view content_type, std::optional<uint64_t> size) {
  if (!AllowsType(limits, content_type)) {
    std::string allowed;
    for (const std::string& one : limits.content_types) allowed += (allowed.empty() ? "" : ", ") + one;
    return Exceeded("the grant takes the types " + allowed + ", not " + Essence(content_type))
        .With("field", "content_type");
  }
  if (limits.max_object_bytes != 0 && size && *size > limits.max_object_bytes)
    return Exceeded("the grant takes objects of at most " + std::to_string(limits.max_object_bytes) +
                    " bytes")
        .With("field", "size")
        .With("max_object_bytes", std::to_string(limits.max_object_bytes));
  return absl::OkStatus();
}

uint64_t PartBytes(uint64_t largest) {
  if (largest == 0) largest = kMostParts * kLargestBody;
  const uint64_t least = (largest + kMostParts - 1) / kMostParts;
  return std::max(kUsualPart, (least + kMiB - 1) / kMiB * kMiB);
}

absl::Status CheckPart(const Limits& limits, uint64_t number, std::optional<uint64_t> length) {
  if (limits.max_object_bytes == 0 || limits.advisory) return absl::OkStatus();
  if (!length)
    return NotEnforceable(
        "a part's URL without content_length cannot hold max_object_bytes; give the length");
  const uint64_t slot = PartBytes(limits.max_object_bytes);
  const uint64_t start = (number - 1) * slot;
  if (start + *length <= limits.max_object_bytes && *length <= slot) return absl::OkStatus();
  return Exceeded("part " + std::to_string(number) + " would begin at byte " + std::to_string(start) +
                  " in parts of " + std::to_string(slot) + " bytes, and the grant ends objects at " +
                  std::to_string(limits.max_object_bytes))
      .With("field", "part_numbers")
      .With("part_bytes", std::to_string(slot));
}

absl::Status NotEnforceable(std::string_view what) {
  return Fail(absl::StatusCode::kFailedPrecondition, "LIMIT_NOT_ENFORCEABLE", what);
}

}  // namespace sluice::broker
