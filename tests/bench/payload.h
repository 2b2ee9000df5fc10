// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::bench {

// The bytes of an object, message by message, out of one buffer that stays in a core's cache. No two messages
// beside each other are alike, so that one lost, doubled or out of place changes the CRC. Immutable.
class Payload {
 public:
  Payload(uint64_t object_bytes, uint64_t message_bytes);

  uint64_t object_bytes() const { return object_bytes_; }
  uint64_t crc64() const { return crc64_; }
  // What comes at `offset`, which is a multiple of the message's size; empty at the end.
  std::string_view At(uint64_t offset) const;

 private:
  const uint64_t object_bytes_;
  const uint64_t message_bytes_;
  std::string random_;
  uint64_t crc64_ = 0;
};

}  // namespace sluice::bench
