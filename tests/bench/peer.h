// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace sluice::bench {

struct SslContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextFree>;

// Null with the error printed when a file is not to be used. No session tickets: nobody here resumes.
SslContext MakeServerTls(const std::string& cert_file, const std::string& key_file);
SslContext MakeClientTls(const std::string& ca_file);

// A TCP connection, plain or with TLS, and nothing between the caller and the system call. One thread at a
// time; which one may change.
class Peer {
 public:
  // What Send and Receive answer when they must wait, and when the connection is of no use any more.
  static constexpr ssize_t kAgain = -1;
  static constexpr ssize_t kGone = -2;

  // One that was accepted; `tls` may be null and must outlive it. Never blocks.
  static std::unique_ptr<Peer> Accepted(int fd, SSL_CTX* tls);
  // Connects to a loopback address and shakes hands, both waited for; null when either fails. `blocking` is
  // for what comes after.
  static std::unique_ptr<Peer> Connect(const std::string& host, uint16_t port, SSL_CTX* tls, bool blocking);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  int fd() const { return fd_; }
  // How many bytes were taken, from the first of the pieces on; perhaps not all of them.
  ssize_t Send(std::span<const iovec> pieces);
  // How many bytes came, at least one.
  ssize_t Receive(std::span<char> into);

 private:
  Peer(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}

  const int fd_;
  SSL* const ssl_;
};

// Takes `bytes` off the front of `pieces`, which must have them.
void Advance(std::span<iovec>& pieces, size_t bytes);

// Listens on `host:port`, where 0 takes a free port; the socket, and the port in `port`. -1 when it cannot.
int Listen(const std::string& host, uint16_t& port);

// `host:port`; false when it is none.
bool ParseAddress(const std::string& text, std::string& host, uint16_t& port);

}  // namespace sluice::bench
