// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace sluice::testing {

// Answers every request on every connection with the same JSON, keeps connections open, and counts both.
class KeepAliveServer {
 public:
  explicit KeepAliveServer(const std::string& json)
      : answer_("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(json.size()) + "\r\n\r\n" + json),
        fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    address_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    accepting_ = std::thread([this] { Accept(); });
  }
  // The clients must have closed their connections.
  ~KeepAliveServer() {
    shutdown(fd_, SHUT_RDWR);
    accepting_.join();
    close(fd_);
  }
  KeepAliveServer(const KeepAliveServer&) = delete;
  KeepAliveServer& operator=(const KeepAliveServer&) = delete;

  // Scheme and host.
  const std::string& address() const { return address_; }
  int connections() const { return connections_; }
  int requests() const { return requests_; }

 private:
  void Accept() {
    std::vector<std::thread> serving;
    for (int peer = 0; (peer = accept(fd_, nullptr, nullptr)) >= 0;) {
      ++connections_;
      serving.emplace_back([this, peer] { Serve(peer); });
    }
    for (std::thread& one : serving) one.join();
  }
  void Serve(int peer) {
    std::string in;
    char piece[4096];
    for (ssize_t got = 0; (got = read(peer, piece, sizeof(piece))) > 0;) {
      in.append(piece, static_cast<size_t>(got));
      for (size_t whole = 0; (whole = RequestSize(in)) > 0; in.erase(0, whole)) {
        ++requests_;
        (void)!write(peer, answer_.data(), answer_.size());
      }
    }
    close(peer);
  }
  // 0 until the first request is whole.
  static size_t RequestSize(const std::string& in) {
    const size_t head = in.find("\r\n\r\n");
    if (head == std::string::npos) return 0;
    const size_t length = in.find("Content-Length: ");
    const size_t body = length < head ? std::strtoul(in.c_str() + length + 16, nullptr, 10) : 0;
    return in.size() >= head + 4 + body ? head + 4 + body : 0;
  }

  const std::string answer_;
  const int fd_;
  std::string address_;
  std::atomic<int> connections_ = 0;
  std::atomic<int> requests_ = 0;
  std::thread accepting_;
};

}  // namespace sluice::testing
