// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::crypto {

// CRC-32C (Castagnoli, as iSCSI and Google's clients have it); goes on from `previous`, which is 0 for no
// bytes yet. "123456789" gives 0xe3069283.
uint32_t Crc32c(std::string_view bytes, uint32_t previous = 0);

}  // namespace sluice::crypto
