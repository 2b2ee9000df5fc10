// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/broker_address.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "common/base/host.h"
#include "common/base/status.h"

namespace sluice::client {
namespace {

bool IsPort(std::string_view text) {
  unsigned port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536;
}

bool IsHost(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
  });
}

}  // namespace

absl::StatusOr<BrokerAddress> ParseBrokerAddress(std::string_view text) {
  constexpr std::string_view kHttps = "https://";
  BrokerAddress address;
  std::string_view rest = text;
  if (rest.substr(0, kHttps.size()) == kHttps) {
    address.tls = true;
    rest.remove_prefix(kHttps.size());
    if (rest.ends_with('/')) rest.remove_suffix(1);
  }
  const size_t colon = rest.rfind(':');
  std::string_view host = rest.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool bare_v6 = !bracketed && host.find(':') != std::string_view::npos;
  if (colon == std::string_view::npos || !IsHost(host) || bare_v6 || !IsPort(rest.substr(colon + 1))) {
    return Fail(absl::StatusCode::kInvalidArgument, "BROKER_ADDRESS_INVALID",
                "the broker's address must be https://HOST:PORT, or HOST:PORT on this machine; got \"" +
                    std::string(text.substr(0, 200)) + "\"");
  }
  if (!address.tls && !IsLoopbackHost(host)) {
    return Fail(absl::StatusCode::kInvalidArgument, "BROKER_ADDRESS_INVALID",
                "\"" + std::string(text) +
                    "\" would send the JWT unencrypted over a network; write https://" + std::string(text));
  }
  address.target = rest;
  return address;
}

}  // namespace sluice::client
