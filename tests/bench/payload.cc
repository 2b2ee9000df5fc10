// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/payload.h"

#include <algorithm>
#include <random>

#include "common/crypto/crc64.h"

namespace sluice::bench {
namespace {

// Messages begin in turn at so many places, so many bytes apart.
constexpr uint64_t kPlaces = 16;
constexpr uint64_t kApart = 1024;

}  // namespace

Payload::Payload(uint64_t object_bytes, uint64_t message_bytes)
    : object_bytes_(object_bytes), message_bytes_(message_bytes) {
  std::mt19937_64 engine(1);
  random_.resize(message_bytes + kPlaces * kApart);
  for (char& byte : random_) byte = static_cast<char>(engine());
  for (uint64_t offset = 0; offset < object_bytes; offset += message_bytes)
    crc64_ = crypto::Crc64(At(offset), crc64_);
}

std::string_view Payload::At(uint64_t offset) const {
  const uint64_t place = offset / message_bytes_ % kPlaces;
  return std::string_view(random_).substr(place * kApart, std::min(message_bytes_, object_bytes_ - offset));
}

}  // namespace sluice::bench
