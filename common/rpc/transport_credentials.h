// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "common/http/server.h"
#include "grpcpp/security/server_credentials.h"

namespace sluice::rpc {

// Plaintext without `files`. With a client CA a certificate is verified when sent, but not demanded.
// `INVALID_ARGUMENT` `TLS_FILES_INVALID` when a file cannot be read, is no PEM, or key and certificate do not
// belong together: gRPC itself would start and then refuse every handshake.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const std::optional<http::TlsFiles>& files);

}  // namespace sluice::rpc
