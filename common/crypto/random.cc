// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/random.h"

#include <openssl/rand.h>

#include <cstdlib>

#include "common/crypto/encoding.h"

namespace sluice::crypto {

std::string RandomBytes(size_t count) {
  std::string out(count, '\0');
  // Without randomness nothing this process makes is safe.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1) std::abort();
  return out;
}

std::string RandomHexId(size_t digits) {
  // A call of the generator costs more than the bytes, so each thread draws for many ids at once.
  constexpr size_t kDrawn = 2048;
  thread_local std::string drawn;
  thread_local size_t left = 0;
  if (left < digits) {
    drawn = HexLower(RandomBytes(kDrawn));
    left = drawn.size();
  }
  left -= digits;
  return drawn.substr(left, digits);
}

}  // namespace sluice::crypto
