// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::http {

// A request target taken apart. Names and values are decoded and in wire order; `k` and `k=` are the same.
struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;

  // The first value of `name`; absent when it is not there.
  std::optional<std::string_view> Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }
};

// Takes `/path?query`. Refuses a target that does not start with `/` and broken percent-escapes. A `+` in the
// query is a space.
std::optional<Target> ParseTarget(std::string_view text);

// Decodes `a=b&c` of a query or of a form body.
std::optional<std::vector<std::pair<std::string, std::string>>> ParseForm(std::string_view text);

}  // namespace sluice::http
