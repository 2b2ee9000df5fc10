// SPDX-License-Identifier: Apache-2.0
#include "common/http/tls_context.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "common/base/status.h"

namespace sluice::http {
namespace {

bool IsAddress(const std::string& host) {
  in6_addr scratch{};
  return inet_pton(AF_INET, host.c_str(), &scratch) == 1 || inet_pton(AF_INET6, host.c_str(), &scratch) == 1;
}

int Descriptor(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

// What OpenSSL's own does, but a peer that has closed never raises SIGPIPE, which is the process's affair.
int BioWrite(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = send(Descriptor(bio), data, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int BioRead(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = recv(Descriptor(bio), into, static_cast<size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

long BioControl(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* out = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
    BIO_meth_set_write(out, BioWrite);
    BIO_meth_set_read(out, BioRead);
    BIO_meth_set_ctrl(out, BioControl);
    return out;
  }();
  return method;
}

}  // namespace

absl::StatusOr<SslContext> MakeClientContext(const std::string& ca_file) {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  const bool trusted =
      context != nullptr &&
      (ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                       : SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr)) == 1;
  if (!trusted) {
    ERR_clear_error();
    return Fail(
        absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID",
        "the authorities in " + (ca_file.empty() ? "the system's store" : ca_file) + " cannot be read");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // What was not sent is tried again from where it lies then.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  return context;
}

Ssl MakeClientSsl(SSL_CTX* context, int descriptor, const std::string& host) {
  Ssl ssl(SSL_new(context));
  BIO* bio = BIO_new(SocketMethod());
  if (ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    return nullptr;
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_connect_state(ssl.get());
  if (IsAddress(host)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) return nullptr;
  } else {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl.get(), host.c_str()) != 1) return nullptr;
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  return ssl;
}

std::string SslFailure(const Ssl& ssl) {
  const long verified = SSL_get_verify_result(ssl.get());
  if (verified != X509_V_OK)
    return std::string("its certificate is not accepted: ") + X509_verify_cert_error_string(verified);
  char text[256] = "the connection was closed";
  if (const unsigned long error = ERR_get_error()) ERR_error_string_n(error, text, sizeof(text));
  ERR_clear_error();
  return std::string("the TLS handshake failed: ") + text;
}

}  // namespace sluice::http
