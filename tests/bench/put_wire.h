// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::bench {

// The request line and headers of a PUT of so many bytes, blank line included. Pure.
std::string PutHead(std::string_view host, std::string_view path, uint64_t bytes);

struct PutAnswer {
  int status = 0;
  uint64_t crc64 = 0;
  // As it stands there, quotes included.
  std::string etag;
};

// The answer to a PUT; nothing until its head is whole. Of a body, which only errors have, nothing is read.
// Pure.
std::optional<PutAnswer> ReadPutAnswer(std::string_view text);

}  // namespace sluice::bench
