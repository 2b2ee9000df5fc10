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

}  // namespace sluice::crypto
