// SPDX-License-Identifier: Apache-2.0
#include "common/http/message.h"

#include "absl/strings/match.h"
#include "common/base/text.h"

namespace sluice::http {

bool SameName(std::string_view a, std::string_view b) { return absl::EqualsIgnoreCase(ToAbsl(a), ToAbsl(b)); }

std::string_view FindHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (SameName(key, name)) return value;
  }
  return {};
}

bool HasHeader(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (SameName(key, name)) return true;
  }
  return false;
}

}  // namespace sluice::http
