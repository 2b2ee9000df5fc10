// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// One JSON object of texts in the order they are added, without line breaks, for lines that are written
// often. Bytes are passed on as they are, but for those that JSON escapes. One thread at a time.
class JsonLine {
 public:
  // `name` must need no escape.
  void Add(std::string_view name, std::string_view value);
  // The object; ends the line.
  std::string Take() &&;

 private:
  std::string out_ = "{";
};

}  // namespace sluice
