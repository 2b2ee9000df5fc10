// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::gateway {

// Reads protobuf's wire format from bytes that lie in several pieces. Whatever is cut short or impossible
// gives nothing, and then the reader's place means nothing any more. A value; the pieces must outlive it.
class SliceReader {
 public:
  explicit SliceReader(std::span<const std::string_view> slices);

  uint64_t left() const { return left_; }

  std::optional<uint64_t> Varint();
  // Little-endian, of `bytes` 4 or 8.
  std::optional<uint64_t> Fixed(int bytes);
  // The next `bytes`: where they lie, or as a copy.
  std::optional<std::vector<std::string_view>> Take(uint64_t bytes);
  std::optional<std::string> Copy(uint64_t bytes);
  // What a field with this tag holds, groups and all.
  bool Skip(uint32_t tag);

 private:
  std::optional<uint8_t> Byte();
  bool SkipValue(uint32_t tag, int depth);

  std::span<const std::string_view> slices_;
  size_t at_ = 0;  // in the first of them
  uint64_t left_ = 0;
};

}  // namespace sluice::gateway
