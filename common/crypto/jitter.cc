// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/jitter.h"

#include <cstdint>
#include <cstring>

#include "common/crypto/random.h"

namespace sluice {

Jitter RandomJitter() {
  return [] {
    uint32_t bits = 0;
    std::memcpy(&bits, crypto::RandomBytes(sizeof(bits)).data(), sizeof(bits));
    return bits / 4294967296.0;
  };
}

}  // namespace sluice
