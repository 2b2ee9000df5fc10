// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace sluice::testing {

// One TLS connection to a loopback port, which trusts whoever answers and remembers who it was.
class TlsClient {
 public:
  using Session = std::shared_ptr<SSL_SESSION>;

  // `pem_file` holds a certificate and its key; empty for none. `resume` goes on with a session.
  explicit TlsClient(int port, const std::string& pem_file = "", const Session& resume = nullptr)
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free), bio_(nullptr, BIO_free_all) {
    if (!pem_file.empty()) {
      SSL_CTX_use_certificate_chain_file(context_.get(), pem_file.c_str());
      SSL_CTX_use_PrivateKey_file(context_.get(), pem_file.c_str(), SSL_FILETYPE_PEM);
    }
    bio_.reset(BIO_new_ssl_connect(context_.get()));
    BIO_set_conn_hostname(bio_.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
    BIO_get_ssl(bio_.get(), &ssl_);
    if (resume) SSL_set_session(ssl_, resume.get());
    ok_ = BIO_do_connect(bio_.get()) == 1;
  }

  bool ok() const { return ok_; }
  bool resumed() const { return SSL_session_reused(ssl_) == 1; }
  // With TLS 1.3 only useful after a first answer.
  Session session() const { return Session(SSL_get1_session(ssl_), SSL_SESSION_free); }
  // PEM of the peer's own certificate, and how many it sent.
  std::string peer() const {
    const std::unique_ptr<X509, decltype(&X509_free)> x509(SSL_get1_peer_certificate(ssl_), X509_free);
    const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
    if (x509) PEM_write_bio_X509(memory.get(), x509.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return {data, static_cast<size_t>(size)};
  }
  int chain_length() const {
    const auto* chain = SSL_get_peer_cert_chain(ssl_);
    return chain == nullptr ? 0 : sk_X509_num(chain);
  }

  // Sends a request and reads until the answer ends with `end` or the peer closes.
  std::string Ask(const std::string& request, const std::string& end) {
    std::string out;
    if (!ok_ || BIO_write(bio_.get(), request.data(), static_cast<int>(request.size())) <= 0) return out;
    char piece[4096];
    for (int got = 0; !out.ends_with(end) && (got = BIO_read(bio_.get(), piece, sizeof(piece))) > 0;)
      out.append(piece, static_cast<size_t>(got));
    return out;
  }

 private:
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<BIO, decltype(&BIO_free_all)> bio_;
  SSL* ssl_ = nullptr;
  bool ok_ = false;
};

}  // namespace sluice::testing
