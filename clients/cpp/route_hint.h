// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sluice::client {

// The metadata key of the hint.
inline constexpr char kRouteHeader[] = "x-sluice-route";

// Says that a caller is the same one (and whether it is one that somebody guesses): 16 hex digits by which a
// proxy may send it to the replica whose caches know it. Of the subject that a JWT or a ticket names,
// unjudged; of the whole text where it names none; empty for no proof. Nothing is ever allowed or refused by
// it. Pure.
std::string RouteHint(std::string_view proof);

}  // namespace sluice::client
