// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sluice::crypto {

// Bytes fit for keys and nonces. Thread-safe.
std::string RandomBytes(size_t count);
// So many lower-case hex digits, at most 64, that nobody can guess and that are drawn cheaply, for ids; not
// for keys, since those of later ids lie in memory already. Thread-safe.
std::string RandomHexId(size_t digits);

}  // namespace sluice::crypto
