// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sluice::crypto {

// Bytes fit for keys and nonces. Thread-safe.
std::string RandomBytes(size_t count);
// Bytes that nobody can guess and that are drawn cheaply, for ids; not for keys, since those of later ids lie
// in memory already. Thread-safe.
std::string RandomIdBytes(size_t count);

}  // namespace sluice::crypto
