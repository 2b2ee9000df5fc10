// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

// Times as the vendor writes them, always UTC.
namespace sluice {

std::string IsoBasic(Time time);       // 20260102T030405Z
std::string IsoExtended(Time time);    // 2026-01-02T03:04:05Z
std::string IsoZeroMillis(Time time);  // 2026-01-02T03:04:05.000Z: whole seconds, as OSS writes them
std::string HttpDate(Time time);       // Fri, 02 Jan 2026 03:04:05 GMT
// 2026-01-02T03:04:05.678Z, with the milliseconds that are.
std::string IsoMillis(Time time);
void AppendIsoMillis(Time time, std::string& out);

// Each refuses anything but its own form and a date that exists, from 1970 to kLastSecond.
std::optional<Time> ParseIsoBasic(std::string_view text);
std::optional<Time> ParseIsoExtended(std::string_view text);
std::optional<Time> ParseHttpDate(std::string_view text);

}  // namespace sluice
