// SPDX-License-Identifier: Apache-2.0
#include "common/http/target.h"

#include <algorithm>

#include "common/crypto/encoding.h"

namespace sluice::http {

std::optional<std::string_view> Target::Find(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<std::vector<std::pair<std::string, std::string>>> ParseForm(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = crypto::PercentDecode(pair.substr(0, equals), true);
    auto value = crypto::PercentDecode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    out.emplace_back(*std::move(name), *std::move(value));
  }
  return out;
}

std::optional<Target> ParseTarget(std::string_view text) {
  if (!text.starts_with('/')) return std::nullopt;
  const auto question = text.find('?');
  auto path = crypto::PercentDecode(text.substr(0, question));
  auto query = ParseForm(question == std::string_view::npos ? "" : text.substr(question + 1));
  if (!path || !query) return std::nullopt;
  return Target{*std::move(path), *std::move(query)};
}

}  // namespace sluice::http
