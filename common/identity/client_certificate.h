// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::identity {

// The names that a certificate vouches for, in its subjectAltName. The common name counts for nothing.
struct CertificateNames {
  std::vector<std::string> uris;
  std::vector<std::string> dns;
};

// Reads a PEM certificate that a TLS listener has already verified. `UNAUTHENTICATED` `CERTIFICATE_REJECTED`
// when it cannot be read or a name holds bytes that no such name has (a NUL among them). Pure.
absl::StatusOr<CertificateNames> ReadCertificateNames(std::string_view pem);

}  // namespace sluice::identity
