// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/crc64.h"

#ifdef SLUICE_HAVE_ISAL
#include <isa-l/crc64.h>
#else
#include <lzma.h>
#endif

namespace sluice::crypto {
namespace {

constexpr uint64_t kPolynomial = 0xC96C5795D7870F42u;  // ECMA-182, reflected: bit 63 is x^0

// Product of two polynomials modulo kPolynomial.
uint64_t Multiply(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  for (; a != 0; a <<= 1) {
    if (a >> 63) product ^= b;
    b = (b >> 1) ^ ((b & 1) ? kPolynomial : 0);
  }
  return product;
}

}  // namespace

uint64_t Crc64(std::string_view bytes, uint64_t previous) {
#ifdef SLUICE_HAVE_ISAL
  return crc64_ecma_refl(previous, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
#else
  return lzma_crc64(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), previous);
#endif
}

Crc64Joint::Crc64Joint(uint64_t length) : length_(length), shift_(uint64_t{1} << 63) {  // x^0
  uint64_t power = uint64_t{1} << 55;  // x^8: one byte further
  for (; length != 0; length >>= 1) {
    if (length & 1) shift_ = Multiply(power, shift_);
    power = Multiply(power, power);
  }
}

uint64_t Crc64Joint::Combine(uint64_t crc_a, uint64_t crc_b) const {
  if (length_ == 0) return crc_a;  // the vendor's rule, whatever crc_b claims
  return Multiply(shift_, crc_a) ^ crc_b;
}

uint64_t CombineCrc64(uint64_t crc_a, uint64_t crc_b, uint64_t length_b) {
  return Crc64Joint(length_b).Combine(crc_a, crc_b);
}

}  // namespace sluice::crypto
