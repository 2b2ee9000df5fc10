// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

// Durations and sizes as people write them in a config, a flag or a query. Pure.
namespace sluice {

// `900s`, `15m`, `1h30m`, `2d`: whole numbers with units d, h, m, s, largest first, each at most once.
// Nothing else, no sign, at most 100 years.
std::optional<std::chrono::seconds> ParseDuration(std::string_view text);

// `262144`, `256KiB`, `5MiB`, `1GiB`, `1TiB`; nothing else.
std::optional<uint64_t> ParseByteSize(std::string_view text);

}  // namespace sluice
