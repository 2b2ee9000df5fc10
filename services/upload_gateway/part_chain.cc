// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/part_chain.h"

#include <map>

#include "common/crypto/crc64.h"

namespace sluice::gateway {

PartChain ChainOf(const PartPlan& plan, const std::vector<StoredPart>& stored, std::optional<uint64_t> size) {
  std::map<uint32_t, const StoredPart*> by_number;
  for (const StoredPart& part : stored) by_number[part.number] = &part;
  const uint64_t most = size.value_or(plan.capacity());
  PartChain out;
  for (auto slot = plan.SlotAt(0); slot; slot = plan.SlotAt(out.bytes)) {
    const auto found = by_number.find(*slot);
    if (found == by_number.end()) break;
    const StoredPart& part = *found->second;
    // Subtracted, since what is stored may claim any size.
    if (part.bytes == 0 || part.bytes > PartPlan::kLargestPart || part.bytes > most - out.bytes) break;
    const uint64_t end = out.bytes + part.bytes;
    const bool last = size && end == *size;
    if (!last && end != plan.capacity() && !plan.SlotAt(end)) break;
    out.bytes = end;
    out.crc64 = out.crc64 && part.crc64
                    ? std::optional(crypto::CombineCrc64(*out.crc64, *part.crc64, part.bytes))
                    : std::nullopt;
    out.parts.push_back(part);
    if (last) break;
  }
  return out;
}

}  // namespace sluice::gateway
