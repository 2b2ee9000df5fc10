// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/transport_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "common/base/host.h"
#include "common/base/status_macros.h"

namespace sluice::rpc {

struct ServerTls::Current {
  std::mutex mutex;
  // Both guarded by mutex.
  http::TlsTexts texts;
  uint64_t version = 1;
};

// gRPC's own TLS, the same as behind grpc::SslServerCredentials, but through the hook of its C interface that
// is asked for newer files as each handshake begins. What it cannot use it drops, keeping the last good ones.
// Rejected: TlsServerCredentials with a watched directory, which loses the good pair when it meets a bad one
// and sees a change only by polling.
//
// gRPC swaps the files of a port without a lock. That is safe where its handshakes begin one after the other,
// which is so with one listening socket: hence no port of this kind may have several (GrpcServer switches
// SO_REUSEPORT off, and a name, which may stand for several addresses, is not listened on).
class ServerTls::Credentials final : public grpc::ServerCredentials {
 public:
  Credentials(std::shared_ptr<Current> current, bool ask_clients)
      : current_(std::move(current)), ask_clients_(ask_clients) {}

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {
    std::fputs("sluice: a mistake of the program: callers are judged by the handlers, not by gRPC\n", stderr);
    std::abort();
  }

 private:
  // One port, which is told of each version once.
  struct Port {
    const std::shared_ptr<Current> current;
    uint64_t told = 0;  // guarded by current->mutex
  };

  int AddPortToServer(const std::string& given, grpc_server* server) override {
    const size_t colon = given.rfind(':');
    const std::string host = given.substr(0, colon);
    const std::string address = host == "localhost" ? "127.0.0.1" + given.substr(colon) : given;
    if (colon == std::string::npos || (host != "localhost" && !IsNumericHost(host))) return 0;
    ports_.push_back(std::unique_ptr<Port>(new Port{current_}));
    grpc_ssl_server_credentials_options* options =
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            ask_clients_ ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                         : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            &Credentials::Fetch, ports_.back().get());
    grpc_server_credentials* credentials = grpc_ssl_server_credentials_create_with_options(options);
    const int port = grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  static grpc_ssl_certificate_config_reload_status Fetch(void* of,
                                                         grpc_ssl_server_certificate_config** config) {
    Port& port = *static_cast<Port*>(of);
    std::lock_guard lock(port.current->mutex);
    if (port.told == port.current->version) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const http::TlsTexts& texts = port.current->texts;
    const grpc_ssl_pem_key_cert_pair pair{texts.key.Reveal().c_str(), texts.certificates.c_str()};
    // gRPC wants authorities even where it asks no client for a certificate, and does not use them then.
    const std::string& authorities =
        texts.client_authorities.empty() ? texts.certificates : texts.client_authorities;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    port.told = port.current->version;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const std::shared_ptr<Current> current_;
  const bool ask_clients_;
  std::vector<std::unique_ptr<Port>> ports_;
};

ServerTls::ServerTls(http::TlsFiles files, std::shared_ptr<Current> current)
    : files_(std::move(files)),
      current_(std::move(current)),
      credentials_(std::make_shared<Credentials>(current_, !files_.client_ca_file.empty())) {}

absl::StatusOr<std::unique_ptr<ServerTls>> ServerTls::Load(http::TlsFiles files) {
  auto current = std::make_shared<Current>();
  ASSIGN_OR_RETURN(current->texts, http::ReadTlsFiles(files));
  return std::unique_ptr<ServerTls>(new ServerTls(std::move(files), std::move(current)));
}

absl::Status ServerTls::Reload() {
  ASSIGN_OR_RETURN(auto texts, http::ReadTlsFiles(files_));
  std::lock_guard lock(current_->mutex);
  current_->texts = std::move(texts);
  ++current_->version;
  return absl::OkStatus();
}

}  // namespace sluice::rpc
