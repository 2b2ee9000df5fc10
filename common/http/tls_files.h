// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/secret_string.h"

namespace sluice::http {

// What a TLS listener serves with, as PEM files.
struct TlsFiles {
  // The listener's own certificate, then those between it and its root.
  std::string cert_file;
  std::string key_file;
  // Empty asks for no client certificate; otherwise one is verified when sent, but not demanded.
  std::string client_ca_file;
};

// The same, read and judged.
struct TlsTexts {
  std::string certificates;
  SecretString key;
  std::string client_authorities;
};

// Reads all files once, so that what was judged is what is served with. `INVALID_ARGUMENT`
// `TLS_FILES_INVALID` when one cannot be read or is no PEM, when the key has a password or does not belong to
// the first certificate, when that one has expired, or when OpenSSL itself would not serve with the two.
absl::StatusOr<TlsTexts> ReadTlsFiles(const TlsFiles& files);

}  // namespace sluice::http
