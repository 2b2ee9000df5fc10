// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <string_view>

#include "absl/strings/numbers.h"

namespace sluice::bench {
namespace {

constexpr size_t kMostPieces = 1024;   // IOV_MAX
constexpr size_t kRecord = 16 * 1024;  // what TLS allows

SslContext Complain(const std::string& file) {
  std::cerr << "TLS cannot use " << file << "\n";
  ERR_print_errors_fp(stderr);
  return nullptr;
}

void SetCommon(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void SetUp(int fd, bool blocking) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!blocking) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

bool Fill(const std::string& host, uint16_t port, sockaddr_in& out) {
  out = {};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  return inet_pton(AF_INET, host.c_str(), &out.sin_addr) == 1;
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

ssize_t Verdict(SSL* ssl, int result) {
  const int error = SSL_get_error(ssl, result);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? Peer::kAgain : Peer::kGone;
}

// The next record's worth from `at` in the first piece on: where it lies if it lies in one, else put
// together, since small pieces would become small records.
std::string_view FillRecord(std::span<const iovec> pieces, size_t at, std::array<char, kRecord>& record) {
  size_t size = 0;
  for (const iovec& piece : pieces) {
    const std::string_view here =
        std::string_view(static_cast<const char*>(piece.iov_base), piece.iov_len).substr(at);
    at = 0;
    if (size == 0 && (here.size() >= kRecord || pieces.size() == 1)) return here.substr(0, kRecord);
    const size_t now = std::min(here.size(), kRecord - size);
    std::memcpy(record.data() + size, here.data(), now);
    if ((size += now) == kRecord) break;
  }
  return {record.data(), size};
}

}  // namespace

SslContext MakeServerTls(const std::string& cert_file, const std::string& key_file) {
  SslContext out(SSL_CTX_new(TLS_server_method()));
  SetCommon(out.get());
  if (SSL_CTX_use_certificate_chain_file(out.get(), cert_file.c_str()) != 1) return Complain(cert_file);
  if (SSL_CTX_use_PrivateKey_file(out.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1)
    return Complain(key_file);
  return out;
}

SslContext MakeClientTls(const std::string& ca_file) {
  SslContext out(SSL_CTX_new(TLS_client_method()));
  SetCommon(out.get());
  if (SSL_CTX_load_verify_locations(out.get(), ca_file.c_str(), nullptr) != 1) return Complain(ca_file);
  SSL_CTX_set_verify(out.get(), SSL_VERIFY_PEER, nullptr);
  return out;
}

std::unique_ptr<Peer> Peer::Accepted(int fd, SSL_CTX* tls) {
  SetUp(fd, false);
  SSL* ssl = nullptr;
  if (tls != nullptr) {
    ssl = SSL_new(tls);
    SSL_set_fd(ssl, fd);
    SSL_set_accept_state(ssl);
  }
  return std::unique_ptr<Peer>(new Peer(fd, ssl));
}

std::unique_ptr<Peer> Peer::Connect(const std::string& host, uint16_t port, SSL_CTX* tls, bool blocking) {
  sockaddr_in address;
  if (!Fill(host, port, address)) return nullptr;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  std::unique_ptr<Peer> out(new Peer(fd, tls == nullptr ? nullptr : SSL_new(tls)));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return nullptr;
  if (out->ssl_ != nullptr) {
    SSL_set_fd(out->ssl_, fd);
    if (SSL_connect(out->ssl_) != 1) {
      ERR_print_errors_fp(stderr);
      return nullptr;
    }
  }
  SetUp(fd, blocking);
  return out;
}

Peer::~Peer() {
  SSL_free(ssl_);
  close(fd_);
}

ssize_t Peer::Send(std::span<const iovec> pieces) {
  if (ssl_ == nullptr) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = std::min(pieces.size(), kMostPieces);
    const ssize_t sent = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    return WouldBlock() ? kAgain : kGone;
  }
  ssize_t all = 0;
  std::array<char, kRecord> record;
  for (size_t at = 0; !pieces.empty();) {
    const std::string_view next = FillRecord(pieces, at, record);
    size_t sent = 0;
    const int result = next.empty() ? 1 : SSL_write_ex(ssl_, next.data(), next.size(), &sent);
    if (result != 1) {
      const ssize_t verdict = Verdict(ssl_, result);
      return verdict == kAgain && all > 0 ? all : verdict;
    }
    all += static_cast<ssize_t>(sent);
    for (at += sent; !pieces.empty() && at >= pieces.front().iov_len; pieces = pieces.subspan(1))
      at -= pieces.front().iov_len;
  }
  return all;
}

ssize_t Peer::Receive(std::span<char> into) {
  if (ssl_ == nullptr) {
    const ssize_t came = recv(fd_, into.data(), into.size(), 0);
    if (came > 0) return came;
    return came < 0 && WouldBlock() ? kAgain : kGone;
  }
  size_t came = 0;
  const int result = SSL_read_ex(ssl_, into.data(), into.size(), &came);
  return result == 1 ? static_cast<ssize_t>(came) : Verdict(ssl_, result);
}

void Advance(std::span<iovec>& pieces, size_t bytes) {
  while (!pieces.empty() && bytes >= pieces.front().iov_len) {
    bytes -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (bytes == 0) return;
  pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + bytes;
  pieces.front().iov_len -= bytes;
}

int Listen(const std::string& host, uint16_t& port) {
  sockaddr_in address;
  if (!Fill(host, port, address)) return -1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 || listen(fd, 1024) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(fd);
    return -1;
  }
  port = ntohs(address.sin_port);
  return fd;
}

bool ParseAddress(const std::string& text, std::string& host, uint16_t& port) {
  const size_t colon = text.rfind(':');
  uint32_t number = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &number) || number > 65535)
    return false;
  host = text.substr(0, colon);
  port = static_cast<uint16_t>(number);
  return true;
}

}  // namespace sluice::bench
