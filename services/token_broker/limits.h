// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluice::broker {

// OSS's own limit for one PutObject, form or part, in bytes.
inline constexpr uint64_t kLargestBody = 5ull << 30;
// OSS's own limit on parts of an upload.
inline constexpr uint64_t kMostParts = 10000;

// What a grant says about the objects it lets in. A value.
struct Limits {
  // 0 for no limit.
  uint64_t max_object_bytes = 0;
  // `image/png` or `image/*`; empty for any.
  std::vector<std::string> content_types;
  // Forms that cannot hold the limits are given all the same.
  bool advisory = false;

  // Whether a form that holds nothing must be refused.
  bool binding() const { return !advisory && (max_object_bytes != 0 || !content_types.empty()); }
};

// `type/subtype` of `[a-z0-9.+-]` and the like, or with `pattern` `type/*`. Pure.
bool IsContentType(std::string_view text, bool pattern = false);
// Whether the type, without its parameters and in any case, is among them. Pure.
bool AllowsType(const Limits& limits, std::string_view content_type);

// `PERMISSION_DENIED` `LIMIT_EXCEEDED` when the grant forbids an object of this type or size; advisory limits
// are judged too, since here they are known. Pure.
absl::Status CheckObject(const Limits& limits, std::string_view content_type, std::optional<uint64_t> size);

// How an object is cut into parts that are signed one by one: every part but the last has this size, and part
// `n` covers the bytes from `(n - 1) * PartBytes`. Whoever signs part `n` for at most what is left of
// `max_object_bytes` from there bounds the whole without remembering anything. `largest` is the most bytes
// the object may have, 0 for OSS's own 48.8 TB. Pure.
uint64_t PartBytes(uint64_t largest);

// `PERMISSION_DENIED` `LIMIT_EXCEEDED` for a part that its slot does not hold; `FAILED_PRECONDITION`
// `LIMIT_NOT_ENFORCEABLE` when no length is given and the grant limits size. Pure.
absl::Status CheckPart(const Limits& limits, uint64_t number, std::optional<uint64_t> length);

// `FAILED_PRECONDITION` `LIMIT_NOT_ENFORCEABLE`, with `what` cannot hold the limits. Pure.
absl::Status NotEnforceable(std::string_view what);

}  // namespace sluice::broker
