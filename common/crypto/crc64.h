// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

// OSS's CRC-64 (CRC-64/XZ: reflected ECMA-182, initial and final xor all ones inside). "123456789" gives
// 0x995dc9bbdf1939fa.
namespace sluice::crypto {

// Goes on from `previous`, which is 0 for no bytes yet.
uint64_t Crc64(std::string_view bytes, uint64_t previous = 0);

// CRC of A followed by B, from the CRC of each and the length of B in bytes.
uint64_t CombineCrc64(uint64_t crc_a, uint64_t crc_b, uint64_t length_b);

// The same for many B of one length, at a fortieth of the cost. A value.
class Crc64Joint {
 public:
  // Of B, in bytes.
  explicit Crc64Joint(uint64_t length);
  uint64_t length() const { return length_; }
  uint64_t Combine(uint64_t crc_a, uint64_t crc_b) const;

 private:
  uint64_t length_;
  uint64_t shift_;
};

}  // namespace sluice::crypto
