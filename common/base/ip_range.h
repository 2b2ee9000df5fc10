// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// A network such as `10.0.0.0/8` or `2001:db8::/32`, or one address. A value.
class IpRange {
 public:
  // Absent unless it is an address, or a network without bits beyond its length: `10.0.0.1/8` would say two
  // things. No zone, no port.
  static std::optional<IpRange> Parse(std::string_view text);

  // Whether the numeric `address` lies in it; false for what is no address. An IPv4 address written as IPv6
  // (`::ffff:10.0.0.1`) is that IPv4 address.
  bool Contains(std::string_view address) const;
  // As it was written.
  const std::string& text() const { return text_; }

 private:
  using Bytes = std::array<uint8_t, 16>;
  static std::optional<Bytes> ParseAddress(std::string_view text);

  std::string text_;
  // IPv4 as `::ffff:a.b.c.d`, so that the two kinds never meet.
  Bytes bytes_{};
  unsigned bits_ = 0;
};

bool AnyContains(const std::vector<IpRange>& ranges, std::string_view address);

}  // namespace sluice
