// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/http/tls_files.h"
#include "grpcpp/security/server_credentials.h"

namespace sluice::rpc {

// TLS for a gRPC server whose files may change while it serves. With a client CA a certificate is verified
// when sent, but not demanded. Thread-safe.
class ServerTls {
 public:
  // Fails as http::ReadTlsFiles does: gRPC itself would start with bad files and then refuse every handshake.
  static absl::StatusOr<std::unique_ptr<ServerTls>> Load(http::TlsFiles files);

  // May outlive this object, and must outlive the server.
  std::shared_ptr<grpc::ServerCredentials> credentials() const { return credentials_; }

  // Reads the files again: handshakes that begin from now on use them, connections that stand live on. Where
  // they are bad all stays as it was, and the error says why. Blocks for the reading.
  absl::Status Reload();

 private:
  struct Current;
  class Credentials;
  ServerTls(http::TlsFiles files, std::shared_ptr<Current> current);

  const http::TlsFiles files_;
  const std::shared_ptr<Current> current_;
  const std::shared_ptr<grpc::ServerCredentials> credentials_;
};

}  // namespace sluice::rpc
