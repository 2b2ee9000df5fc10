// SPDX-License-Identifier: Apache-2.0
// A discarding OSS for the benchmark of the upload gateway: one thread, one buffer, bodies summed and let go.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <deque>
#include <iostream>
#include <thread>
#include <vector>

#include "common/base/end_signal.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "tests/bench/peer.h"
#include "tests/bench/request_reader.h"
#include "tests/bench/sink_store.h"

namespace sluice::bench {
namespace {

using Instant = std::chrono::steady_clock::time_point;

std::string AsText(const SinkAnswer& answer, const std::string& method, uint64_t number) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + (answer.status < 300 ? " OK" : " Error") +
                    "\r\nServer: bench-sink\r\nx-oss-request-id: " + std::to_string(number) + "\r\n";
  for (const auto& [name, value] : answer.headers) out += name + ": " + value + "\r\n";
  if (method != "HEAD" && answer.status != 204)
    out += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
  out += "\r\n";
  if (method != "HEAD") out += answer.body;
  return out;
}

struct Connection {
  std::unique_ptr<Peer> peer;
  RequestReader reader;
  std::string out;
  bool last = false;
};

// All connections on one thread.
class Sink {
 public:
  Sink(int listener, SSL_CTX* tls, std::chrono::milliseconds delay)
      : listener_(listener), tls_(tls), delay_(delay), buffer_(kBuffer) {
    Watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
    Watch(EPOLL_CTL_ADD, stop_, EPOLLIN);
  }

  void Run() {
    std::vector<epoll_event> events(256);
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), Wait());
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == stop_) return;
        if (fd == listener_) {
          Accept();
        } else if (const auto found = connections_.find(fd);
                   found != connections_.end() && !Serve(*found->second, events[i].events)) {
          connections_.erase(found);
        }
      }
      SendWhatIsDue();
    }
  }

  // From another thread; ends Run.
  void Stop() {
    const uint64_t one = 1;
    if (write(stop_, &one, sizeof one) < 0) std::cerr << "bench-sink: cannot stop\n";
  }

 private:
  // Small enough for a core's own cache, so that summing costs little.
  static constexpr size_t kBuffer = 256 * 1024;

  struct Waiting {
    Instant due;
    std::weak_ptr<Connection> connection;
    std::string text;
  };

  void Watch(int operation, int fd, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  int Wait() const {
    if (waiting_.empty()) return -1;
    const auto left = waiting_.front().due - std::chrono::steady_clock::now();
    return std::max(0, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
  }

  void Accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      auto connection = std::make_shared<Connection>();
      connection->peer = Peer::Accepted(fd, tls_);
      connections_[fd] = std::move(connection);
      Watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  // False when the connection is to be let go. What TLS has decrypted and not given is asked for at once,
  // since epoll does not know of it.
  bool Serve(Connection& connection, uint32_t events) {
    if ((events & EPOLLOUT) != 0 && !Flush(connection)) return false;
    for (;;) {
      const ssize_t came = connection.peer->Receive(buffer_);
      if (came == Peer::kAgain) return true;
      if (came == Peer::kGone) return false;
      std::string_view bytes(buffer_.data(), static_cast<size_t>(came));
      if (!Take(connection, bytes)) return false;
      if (tls_ == nullptr) return true;
    }
  }

  bool Take(Connection& connection, std::string_view bytes) {
    for (;;) {
      switch (connection.reader.Read(bytes)) {
        case RequestReader::Came::kPart:
          return true;
        case RequestReader::Came::kNonsense:
          return false;
        case RequestReader::Came::kExpectation:
          connection.out += "HTTP/1.1 100 Continue\r\n\r\n";
          if (!Flush(connection)) return false;
          continue;
        case RequestReader::Came::kWhole:
          if (!Answer(connection)) return false;
      }
    }
  }

  bool Answer(Connection& connection) {
    const SinkRequest& request = connection.reader.request();
    std::string text = AsText(store_.Answer(request), request.method, ++answered_);
    if (Lower(http::FindHeader(request.headers, "Connection")) == "close") connection.last = true;
    if (delay_.count() > 0 && request.target.path != "/-/stats") {
      waiting_.push_back(
          {std::chrono::steady_clock::now() + delay_, connections_[connection.peer->fd()], std::move(text)});
      return true;
    }
    connection.out += text;
    return Flush(connection);
  }

  void SendWhatIsDue() {
    const Instant now = std::chrono::steady_clock::now();
    while (!waiting_.empty() && waiting_.front().due <= now) {
      if (const auto connection = waiting_.front().connection.lock()) {
        connection->out += waiting_.front().text;
        if (!Flush(*connection)) connections_.erase(connection->peer->fd());
      }
      waiting_.pop_front();
    }
  }

  bool Flush(Connection& connection) {
    while (!connection.out.empty()) {
      const iovec piece{connection.out.data(), connection.out.size()};
      const ssize_t sent = connection.peer->Send({&piece, 1});
      if (sent == Peer::kGone) return false;
      if (sent == Peer::kAgain) {
        Watch(EPOLL_CTL_MOD, connection.peer->fd(), EPOLLIN | EPOLLOUT);
        return true;
      }
      connection.out.erase(0, static_cast<size_t>(sent));
      if (connection.out.empty()) Watch(EPOLL_CTL_MOD, connection.peer->fd(), EPOLLIN);
    }
    return !connection.last;
  }

  const int listener_;
  SSL_CTX* const tls_;
  const std::chrono::milliseconds delay_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  const int stop_ = eventfd(0, EFD_CLOEXEC);
  std::vector<char> buffer_;
  std::map<int, std::shared_ptr<Connection>> connections_;
  // In the order in which they are due, since all wait equally long.
  std::deque<Waiting> waiting_;
  SinkStore store_;
  uint64_t answered_ = 0;
};

struct Flags {
  std::string address = "127.0.0.1:0";
  std::string certificate;
  std::string key;
  std::string ports;
  int delay_ms = 0;
};

int Serve(const Flags& flags) {
  std::string host;
  uint16_t port = 0;
  const EndSignal end;
  const int listener = ParseAddress(flags.address, host, port) ? Listen(host, port) : -1;
  if (listener < 0) {
    std::cerr << "bench-sink: cannot listen on " << flags.address << "\n";
    return 1;
  }
  SslContext tls;
  if (!flags.certificate.empty() && (tls = MakeServerTls(flags.certificate, flags.key)) == nullptr) return 2;
  Sink sink(listener, tls.get(), std::chrono::milliseconds(flags.delay_ms));
  std::thread worker([&sink] { sink.Run(); });
  const bool written = WriteFileWhole(flags.ports, "{\"oss\":" + std::to_string(port) + "}\n");
  if (written) {
    end.Await();
  } else {
    std::cerr << "bench-sink: cannot write " << flags.ports << "\n";
  }
  sink.Stop();
  worker.join();
  return written ? 0 : 1;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app(
      "Takes uploads as OSS does and lets the bytes go: the far end of the upload gateway's benchmark.");
  sluice::bench::Flags flags;
  app.add_option("--address", flags.address, "host:port; port 0 takes a free one")->capture_default_str();
  app.add_option("--cert", flags.certificate, "PEM of the certificate; plain HTTP without it");
  app.add_option("--key", flags.key, "PEM of its key");
  app.add_option("--delay-ms", flags.delay_ms, "how long each answer waits")->capture_default_str();
  app.add_option("--ports-file", flags.ports, "where to write the port as JSON once ready")->required();
  CLI11_PARSE(app, argc, argv);
  return sluice::bench::Serve(flags);
}
