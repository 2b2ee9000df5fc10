// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/random.h"

#include <openssl/rand.h>

#include <cstdlib>

namespace sluice::crypto {

std::string RandomBytes(size_t count) {
  std::string out(count, '\0');
  // Without randomness nothing this process makes is safe.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) != 1) std::abort();
  return out;
}

std::string RandomIdBytes(size_t count) {
  // A call of the generator costs more than the bytes, so each thread draws for many ids at once.
  constexpr size_t kDrawn = 2048;
  thread_local std::string drawn;
  if (drawn.size() < count) drawn = RandomBytes(kDrawn + count);
  std::string out = drawn.substr(drawn.size() - count);
  drawn.resize(drawn.size() - count);
  return out;
}

}  // namespace sluice::crypto
