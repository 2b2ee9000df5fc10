// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/call_context.h"

#include <algorithm>

#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::rpc {
namespace {

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::string NewRequestId() { return crypto::HexLower(crypto::RandomBytes(8)); }

std::string TraceIdOf(std::string_view traceparent) {
  // version(2)-trace(32)-parent(16)-flags(2); later versions may append more.
  const bool shaped = traceparent.size() >= 55 && traceparent[2] == '-' && traceparent[35] == '-' &&
                      traceparent[52] == '-' && (traceparent.size() == 55 || traceparent[55] == '-');
  if (shaped) {
    const auto version = traceparent.substr(0, 2);
    const auto trace = traceparent.substr(3, 32);
    const auto parent = traceparent.substr(36, 16);
    const bool valid = IsHex(version) && version != "ff" && IsHex(trace) && !IsZero(trace) && IsHex(parent) &&
                       !IsZero(parent) && IsHex(traceparent.substr(53, 2)) &&
                       (version != "00" || traceparent.size() == 55);
    if (valid) return std::string(trace);
  }
  return crypto::HexLower(crypto::RandomBytes(16));
}

std::string AddressOf(std::string_view grpc_peer) {
  const auto decoded = crypto::PercentDecode(grpc_peer);
  if (!decoded) return {};
  std::string_view rest = *decoded;
  const bool v6 = rest.starts_with("ipv6:[");
  if (!v6 && !rest.starts_with("ipv4:")) return {};
  rest.remove_prefix(v6 ? 6 : 5);
  return std::string(rest.substr(0, rest.find(v6 ? ']' : ':')));
}

}  // namespace sluice::rpc
