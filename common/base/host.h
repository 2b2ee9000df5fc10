// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace sluice {

// `localhost`, or an address of 127.0.0.0/8 or ::1, with or without brackets. By number, never by looks:
// `127.example.com` is somebody's domain.
bool IsLoopbackHost(std::string_view host);
// An IPv4 or IPv6 address, with or without brackets.
bool IsNumericHost(std::string_view host);

}  // namespace sluice
