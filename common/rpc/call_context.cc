// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/call_context.h"

#include <algorithm>
#include <optional>

#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::rpc {
namespace {

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

// Of a CallContext or an Arrival.
template <typename Call>
void Believe(const std::vector<IpRange>& trusted, Call& call) {
  if (!AnyContains(trusted, call.peer)) return;
  if (!call.forwarded_proto.empty()) call.tls = call.forwarded_proto == "https";
  std::string_view left = call.forwarded_for;
  while (!left.empty()) {
    const size_t comma = left.rfind(',');
    std::string_view last = comma == std::string_view::npos ? left : left.substr(comma + 1);
    left = comma == std::string_view::npos ? std::string_view() : left.substr(0, comma);
    while (last.starts_with(' ')) last.remove_prefix(1);
    while (last.ends_with(' ')) last.remove_suffix(1);
    if (!IpRange::Parse(last) || last.find('/') != std::string_view::npos) return;
    call.peer = last;
    if (!AnyContains(trusted, last)) return;
  }
}

}  // namespace

std::string NewRequestId() { return crypto::RandomHexId(16); }

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
  return crypto::RandomHexId(32);
}

void BelieveProxies(const std::vector<IpRange>& trusted, CallContext& context) { Believe(trusted, context); }
void BelieveProxies(const std::vector<IpRange>& trusted, Arrival& arrival) { Believe(trusted, arrival); }

std::string AddressOf(std::string_view grpc_peer) {
  std::optional<std::string> decoded;
  std::string_view rest = grpc_peer;
  if (rest.find('%') != std::string_view::npos) {
    decoded = crypto::PercentDecode(grpc_peer);
    if (!decoded) return {};
    rest = *decoded;
  }
  const bool v6 = rest.starts_with("ipv6:[");
  if (!v6 && !rest.starts_with("ipv4:")) return {};
  rest.remove_prefix(v6 ? 6 : 5);
  return std::string(rest.substr(0, rest.find(v6 ? ']' : ':')));
}

}  // namespace sluice::rpc
