// SPDX-License-Identifier: Apache-2.0
#include "common/base/host.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/match.h"
#include "common/base/text.h"

namespace sluice {
namespace {

std::string Bare(std::string_view host) {
  if (host.size() > 2 && host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

}  // namespace

bool IsLoopbackHost(std::string_view host) {
  if (absl::EqualsIgnoreCase(ToAbsl(host), "localhost")) return true;
  in_addr v4;
  if (inet_pton(AF_INET, Bare(host).c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, Bare(host).c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool IsNumericHost(std::string_view host) {
  in_addr v4;
  in6_addr v6;
  return inet_pton(AF_INET, Bare(host).c_str(), &v4) == 1 ||
         inet_pton(AF_INET6, Bare(host).c_str(), &v6) == 1;
}

}  // namespace sluice
