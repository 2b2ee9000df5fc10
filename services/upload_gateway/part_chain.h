// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/upload_gateway/part_plan.h"

namespace sluice::gateway {

// A part that OSS has, as ListParts tells or as an UploadPart answered.
struct StoredPart {
  uint32_t number = 0;
  uint64_t bytes = 0;
  // Without quotes.
  std::string etag;
  // CRC-64/XZ of its bytes, where OSS tells.
  std::optional<uint64_t> crc64;

  friend bool operator==(const StoredPart&, const StoredPart&) = default;
};

// What an upload has for good: parts that join from its first byte on.
struct PartChain {
  // In order; their numbers may have gaps.
  std::vector<StoredPart> parts;
  // What they hold together.
  uint64_t bytes = 0;
  // Of all those bytes; absent where OSS told none of a part.
  std::optional<uint64_t> crc64 = 0;
};

// The chain among the parts that are there. A part begins where its number says; the next one is the one
// whose number begins where it ends. A number has one part, so there is one chain at most; whatever does not
// join it (left by another stream, begun anew since, of a number that nobody has, of no bytes or too many) is
// left out, never summed. Where a number is listed twice, the later one counts, as in OSS. A part that ends
// inside a slot is the object's last, or useless: the chain ends before it unless it ends at `size`, the
// object's declared size. Pure.
PartChain ChainOf(const PartPlan& plan, const std::vector<StoredPart>& stored, std::optional<uint64_t> size);

}  // namespace sluice::gateway
