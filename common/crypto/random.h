// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sluice::crypto {

// Bytes fit for keys and nonces. Thread-safe.
std::string RandomBytes(size_t count);

}  // namespace sluice::crypto
