// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/crc32c.h"

#ifdef SLUICE_HAVE_ISAL
#include <isa-l/crc.h>

#include <algorithm>
#else
#include <array>
#endif

namespace sluice::crypto {

#ifdef SLUICE_HAVE_ISAL

uint32_t Crc32c(std::string_view bytes, uint32_t previous) {
  constexpr size_t kMost = 1 << 30;  // the library counts in int
  uint32_t sum = ~previous;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kMost);
    // It reads only; its declaration lacks the const.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data()));
    sum = crc32_iscsi(data, static_cast<int>(piece.size()), sum);
    bytes.remove_prefix(piece.size());
  }
  return ~sum;
}

#else

uint32_t Crc32c(std::string_view bytes, uint32_t previous) {
  static constexpr auto kTable = [] {
    std::array<uint32_t, 256> out{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t sum = i;
      for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) ? 0x82f63b78u : 0);
      out[i] = sum;
    }
    return out;
  }();
  uint32_t sum = ~previous;
  for (char c : bytes) sum = kTable[(sum ^ static_cast<uint8_t>(c)) & 0xff] ^ (sum >> 8);
  return ~sum;
}

#endif

}  // namespace sluice::crypto
