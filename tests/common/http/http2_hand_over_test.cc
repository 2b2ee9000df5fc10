// SPDX-License-Identifier: Apache-2.0
// HTTP/2 connections that the HTTP server hands to somebody else.
#include <fcntl.h>
#include <poll.h>

#include <future>

#include "common/http/server.h"
#include "gmock/gmock.h"
#include "tests/support/loopback.h"

namespace sluice::http {
namespace {

using sluice::testing::RawExchange;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Hello final : public Handler {
  std::unique_ptr<Exchange> Start(RequestHead head) override {
    class One final : public Exchange {
     public:
      explicit One(std::string method) : method_(std::move(method)) {}
      absl::Status OnBody(std::string_view) override { return absl::OkStatus(); }
      void OnEnd(Respond respond) override { respond({200, {{"Connection", "close"}}, method_, nullptr}); }

     private:
      const std::string method_;
    };
    return std::make_unique<One>(head.method);
  }
  uint64_t BodyLimit(const RequestHead&) const override { return 1024; }
};

// A connection whose bytes are sent one piece after the other.
class Connection {
 public:
  explicit Connection(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(const std::string& bytes) const {
    EXPECT_EQ(write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // What comes until the peer closes.
  std::string Rest() const {
    std::string out;
    char piece[4096];
    for (ssize_t got = 0; (got = read(fd_, piece, sizeof(piece))) > 0;)
      out.append(piece, static_cast<size_t>(got));
    return out;
  }

 private:
  const int fd_;
};

class Http2HandOverTest : public ::testing::Test {
 protected:
  void Serve(std::chrono::seconds io_timeout = std::chrono::seconds(60)) {
    ServerOptions options;
    options.io_timeout = io_timeout;
    options.on_http2 = [this](int descriptor) { taken_.set_value(descriptor); };
    server_ = StartServer(std::move(options), hello_).value();
  }
  std::string Get() const {
    return RawExchange(server_->port(), "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }
  // What of `size` bytes can be read from the descriptor that was handed over.
  std::string ReadTaken(size_t size) {
    const int fd = taken_.get_future().get();
    EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    std::string out(size, '\0');
    size_t at = 0;
    pollfd wait{fd, POLLIN, 0};
    while (at < size && poll(&wait, 1, 20'000) == 1) {
      const ssize_t got = read(fd, out.data() + at, size - at);
      if (got <= 0) break;
      at += static_cast<size_t>(got);
    }
    close(fd);
    out.resize(at);
    return out;
  }

  Hello hello_;
  std::promise<int> taken_;
  std::unique_ptr<Server> server_;
};

TEST_F(Http2HandOverTest, TheConnectionIsHandedOverWithAllItsBytes) {
  Serve();
  const Connection connection(server_->port());

  connection.Send(kPreface + "settings");

  EXPECT_EQ(ReadTaken(kPreface.size() + 8), kPreface + "settings");
  EXPECT_EQ(connection.Rest(), "");
  EXPECT_THAT(Get(), StartsWith("HTTP/1.1 200"));
}

TEST_F(Http2HandOverTest, APrefaceInPiecesIsOneTooAndHoldsUpNobody) {
  Serve();
  const Connection connection(server_->port());
  for (const char byte : kPreface) {
    connection.Send(std::string(1, byte));
    if (byte == ' ') {
      EXPECT_THAT(Get(), StartsWith("HTTP/1.1 200"));
    }
  }

  EXPECT_EQ(ReadTaken(kPreface.size()), kPreface);
}

TEST_F(Http2HandOverTest, WhatOnlyBeginsLikeItIsHttp1) {
  Serve();
  for (const char* method : {"GET", "PUT", "POST", "PATCH", "PROPFIND"}) {
    const Connection connection(server_->port());
    connection.Send(std::string(method, 1));
    EXPECT_THAT(Get(), HasSubstr("GET"));
    connection.Send(std::string(method + 1) + " / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(connection.Rest(), HasSubstr(method));
  }
  for (const char* other :
       {"PRI * HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "\x16\x03\x01", "P", "PRI"}) {
    const std::string answer = RawExchange(server_->port(), other);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1")) << other;
  }
}

TEST_F(Http2HandOverTest, AClientThatStopsHalfwayOrSaysNothingIsClosedInTime) {
  Serve(std::chrono::seconds(1));
  const Connection silent(server_->port());
  const Connection halfway(server_->port());
  halfway.Send(kPreface.substr(0, 10));

  EXPECT_EQ(silent.Rest(), "");
  EXPECT_EQ(halfway.Rest(), "");
  EXPECT_THAT(Get(), StartsWith("HTTP/1.1 200"));
}

TEST_F(Http2HandOverTest, StopWaitsForNoneOfThem) {
  Serve();
  const Connection silent(server_->port());
  const Connection halfway(server_->port());
  halfway.Send("PRI");
  ASSERT_THAT(Get(), StartsWith("HTTP/1.1 200"));  // so both were accepted
  const auto began = std::chrono::steady_clock::now();

  server_->Stop(std::chrono::seconds(30));

  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(15));
}

TEST_F(Http2HandOverTest, WithoutATakerItIsABadRequest) {
  server_ = StartServer({}, hello_).value();

  EXPECT_THAT(RawExchange(server_->port(), kPreface), StartsWith("HTTP/1.1 400"));
}

}  // namespace
}  // namespace sluice::http
