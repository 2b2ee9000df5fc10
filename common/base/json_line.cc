// SPDX-License-Identifier: Apache-2.0
#include "common/base/json_line.h"

#include <utility>

namespace sluice {

void JsonLine::Add(std::string_view name, std::string_view value) {
  constexpr char kHex[] = "0123456789abcdef";
  if (out_.capacity() < 640) out_.reserve(640);  // a usual line of the audit
  if (out_.size() > 1) out_ += ',';
  out_ += '"';
  out_ += name;
  out_ += "\":\"";
  size_t plain = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out_ += value.substr(plain, i - plain);
    plain = i + 1;
    if (c >= 0x20) {
      out_ += '\\';
      out_ += static_cast<char>(c);
    } else {
      out_ += "\\u00";
      out_ += kHex[c >> 4];
      out_ += kHex[c & 15];
    }
  }
  out_ += value.substr(plain);
  out_ += '"';
}

std::string JsonLine::Take() && {
  out_ += '}';
  return std::move(out_);
}

}  // namespace sluice
