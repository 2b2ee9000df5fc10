// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "common/http/wait.h"

namespace sluice::testing {

// Sends and waits, for tests.
inline absl::StatusOr<http::Response> Fetch(http::Client& client, http::Request request) {
  return http::SendAndWait(client, std::move(request), Deadline::After(std::chrono::seconds(20)));
}

// Writes raw bytes to a loopback port, then reads until the peer closes.
inline std::string RawExchange(uint16_t port, const std::string& bytes) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return "";
  (void)!write(fd, bytes.data(), bytes.size());
  shutdown(fd, SHUT_WR);
  std::string out;
  char piece[4096];
  for (ssize_t got = 0; (got = read(fd, piece, sizeof(piece))) > 0;)
    out.append(piece, static_cast<size_t>(got));
  close(fd);
  return out;
}

}  // namespace sluice::testing
