// SPDX-License-Identifier: Apache-2.0
#include "common/base/ip_range.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace sluice {
namespace {

constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

std::optional<IpRange::Bytes> IpRange::ParseAddress(std::string_view text) {
  // inet_pton wants a terminator, and stops at a NUL that we do not.
  const std::string copy(text);
  if (copy.size() > 45 || copy.find('\0') != std::string::npos) return std::nullopt;
  Bytes out{};
  if (inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return out;
  std::copy(kMapped.begin(), kMapped.end(), out.begin());
  if (inet_pton(AF_INET, copy.c_str(), out.data() + kMapped.size()) == 1) return out;
  return std::nullopt;
}

std::optional<IpRange> IpRange::Parse(std::string_view text) {
  IpRange out;
  out.text_ = text;
  const size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const auto bytes = ParseAddress(address);
  if (!bytes) return std::nullopt;
  out.bytes_ = *bytes;
  const unsigned offset = address.find(':') == std::string_view::npos ? 96 : 0;
  unsigned length = 128 - offset;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
        length > 128 - offset)
      return std::nullopt;
  }
  out.bits_ = offset + length;
  for (unsigned bit = out.bits_; bit < 128; ++bit) {
    if ((out.bytes_[bit / 8] >> (7 - bit % 8) & 1) != 0) return std::nullopt;
  }
  return out;
}

bool IpRange::Contains(std::string_view address) const {
  const auto bytes = ParseAddress(address);
  if (!bytes) return false;
  for (unsigned bit = 0; bit < bits_; ++bit) {
    if (((bytes_[bit / 8] ^ (*bytes)[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

bool AnyContains(const std::vector<IpRange>& ranges, std::string_view address) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const IpRange& range) { return range.Contains(address); });
}

}  // namespace sluice
