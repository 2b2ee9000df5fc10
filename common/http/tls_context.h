// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::http {

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextFree>;
struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Ssl = std::unique_ptr<SSL, SslFree>;

// For a client that verifies whom it speaks to, TLS 1.2 at least. `ca_file` empty for the system's
// authorities. `INVALID_ARGUMENT` `TLS_FILES_INVALID` for one that cannot be read.
absl::StatusOr<SslContext> MakeClientContext(const std::string& ca_file);

// A client's end on a connected, non-blocking socket, to be accepted only by a certificate for `host`, a name
// or a numeric address without brackets. Null without memory.
Ssl MakeClientSsl(SSL_CTX* context, int descriptor, const std::string& host);

// Why the last handshake failed, for a person.
std::string SslFailure(const Ssl& ssl);

}  // namespace sluice::http
