// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::http {

// In wire order; names keep their case and are compared without it.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of `name` in any case; empty when absent.
std::string_view FindHeader(const Headers& headers, std::string_view name);
bool HasHeader(const Headers& headers, std::string_view name);
// Whether two header names are the same name.
bool SameName(std::string_view a, std::string_view b);

// Bytes of known length, read in order. Used by one thread at a time; must not block for long.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual uint64_t size() const = 0;
  // Fills at most `into.size()` bytes; 0 means the end.
  virtual absl::StatusOr<size_t> Read(std::span<char> into) = 0;
};

// Takes bytes in order. Used by one thread at a time; must not block for long.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual absl::Status Write(std::string_view bytes) = 0;
};

// An outgoing request. `body` is sent unless `source` is set.
struct Request {
  std::string method;
  std::string url;
  Headers headers;
  std::string body;
  std::shared_ptr<BodySource> source;
  // Where the body of a 2xx answer goes instead of Response::body.
  std::shared_ptr<BodySink> sink;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

}  // namespace sluice::http
