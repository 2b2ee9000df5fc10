// SPDX-License-Identifier: Apache-2.0
#include "common/base/units.h"

#include <array>
#include <charconv>
#include <limits>

namespace sluice {
namespace {

// Takes the digits at the front of `text`.
std::optional<uint64_t> TakeNumber(std::string_view& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

std::optional<std::chrono::seconds> ParseDuration(std::string_view text) {
  constexpr std::array<std::pair<char, uint64_t>, 4> kUnits = {
      {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}}};
  constexpr uint64_t kLongest = uint64_t{100} * 366 * 86400;
  if (text.empty()) return std::nullopt;
  uint64_t total = 0;
  for (size_t unit = 0; !text.empty(); ++unit) {
    const auto number = TakeNumber(text);
    if (!number || text.empty()) return std::nullopt;
    while (unit < kUnits.size() && kUnits[unit].first != text.front()) ++unit;
    if (unit >= kUnits.size() || *number > kLongest / kUnits[unit].second) return std::nullopt;
    text.remove_prefix(1);
    total += *number * kUnits[unit].second;
    if (total > kLongest) return std::nullopt;
  }
  return std::chrono::seconds(total);
}

std::optional<uint64_t> ParseByteSize(std::string_view text) {
  const auto number = TakeNumber(text);
  if (!number) return std::nullopt;
  unsigned shift = 0;
  if (text == "KiB") {
    shift = 10;
  } else if (text == "MiB") {
    shift = 20;
  } else if (text == "GiB") {
    shift = 30;
  } else if (text == "TiB") {
    shift = 40;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  if (*number > (std::numeric_limits<uint64_t>::max() >> shift)) return std::nullopt;
  return *number << shift;
}

}  // namespace sluice
