// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/put_wire.h"

#include "absl/strings/numbers.h"
#include "common/base/text.h"

namespace sluice::bench {
namespace {

// What follows `name: ` in the head, up to the end of its line.
std::string_view Value(std::string_view head, std::string_view lower_head, std::string_view name) {
  const size_t at = lower_head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string_view::npos) return {};
  const size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

}  // namespace

std::string PutHead(std::string_view host, std::string_view path, uint64_t bytes) {
  return "PUT " + std::string(path) + " HTTP/1.1\r\nHost: " + std::string(host) +
         "\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(bytes) +
         "\r\n\r\n";
}

std::optional<PutAnswer> ReadPutAnswer(std::string_view text) {
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view head = text.substr(0, end + 2);
  const std::string lower = Lower(head);
  PutAnswer out;
  if (head.starts_with("HTTP/1.1 ") && !absl::SimpleAtoi(ToAbsl(head.substr(9, 3)), &out.status))
    out.status = 0;
  if (!absl::SimpleAtoi(ToAbsl(Value(head, lower, "x-oss-hash-crc64ecma")), &out.crc64)) out.crc64 = 0;
  out.etag = Value(head, lower, "etag");
  return out;
}

}  // namespace sluice::bench
