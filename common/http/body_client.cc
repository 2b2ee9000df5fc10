// SPDX-License-Identifier: Apache-2.0
#include "common/http/body_client.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/beast/http.hpp>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/http/tls_context.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using SteadyTime = std::chrono::steady_clock::time_point;
using Response = http::Response;

// Where a request goes; connections are shared by those that go to the same place.
struct Origin {
  bool tls = false;
  std::string host;  // without brackets
  std::string port;
  auto operator<=>(const Origin&) const = default;
};

struct Address {
  Origin origin;
  // As it stands in Host, and on the request line.
  std::string authority;
  std::string target;
};

std::optional<Address> ReadUrl(std::string_view url) {
  Address out;
  if (url.starts_with("https://")) {
    out.origin.tls = true;
    url.remove_prefix(8);
  } else if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else {
    return std::nullopt;
  }
  const size_t slash = std::min(url.find('/'), url.size());
  std::string_view authority = url.substr(0, slash);
  out.authority = authority;
  out.target = slash < url.size() ? url.substr(slash) : "/";
  const auto odd = [](char c) { return c <= ' ' || c > '~'; };
  if (authority.empty() || authority.find('@') != std::string_view::npos ||
      std::any_of(url.begin(), url.end(), odd))
    return std::nullopt;
  const size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
  out.origin.port = has_port ? authority.substr(colon + 1) : out.origin.tls ? "443" : "80";
  std::string_view host = has_port ? authority.substr(0, colon) : authority;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  out.origin.host = host;
  if (host.empty()) return std::nullopt;
  return out;
}

absl::Status Unreachable(std::string_view why) {
  return Fail(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE", why);
}

// One socket. Whoever has it uses it under a lock of their own.
struct Connection {
  explicit Connection(asio::io_context& io) : socket(io) {}
  tcp::socket socket;
  Ssl ssl;
  SteadyTime idle_since;

  // How many bytes were taken or came; 0 for "not now" and, when reading, -1 for the end.
  absl::StatusOr<size_t> Send(const absl::Cord& bytes);
  absl::StatusOr<ssize_t> Receive(char* into, size_t size);
  // Nothing has come and nobody has closed it.
  bool IsQuiet();

 private:
  absl::StatusOr<size_t> SendPlain(const absl::Cord& bytes);
  absl::StatusOr<size_t> SendTls(const absl::Cord& bytes);
};

absl::StatusOr<size_t> Connection::Send(const absl::Cord& bytes) {
  return ssl == nullptr ? SendPlain(bytes) : SendTls(bytes);
}

absl::StatusOr<size_t> Connection::SendPlain(const absl::Cord& bytes) {
  std::array<iovec, 256> pieces;
  size_t count = 0;
  for (const absl::string_view piece : bytes.Chunks()) {
    if (count == pieces.size()) break;
    pieces[count++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  for (;;) {
    const ssize_t sent = sendmsg(socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<size_t>(sent);
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    return Unreachable(std::string("the connection broke while sending: ") + std::strerror(errno));
  }
}

absl::StatusOr<size_t> Connection::SendTls(const absl::Cord& bytes) {
  // A record's worth: small pieces would become small records.
  constexpr size_t kRecord = 16 * 1024;
  std::array<char, kRecord> record;
  absl::Cord::CharIterator at = bytes.char_begin();
  size_t sent = 0;
  while (sent < bytes.size()) {
    const size_t size = std::min(kRecord, bytes.size() - sent);
    absl::string_view piece = absl::Cord::ChunkRemaining(at);
    if (piece.size() < size) {
      absl::Cord::CharIterator from = at;
      for (size_t filled = 0; filled < size;) {
        piece = absl::Cord::ChunkRemaining(from).substr(0, size - filled);
        std::memcpy(record.data() + filled, piece.data(), piece.size());
        absl::Cord::Advance(&from, piece.size());
        filled += piece.size();
      }
      piece = absl::string_view(record.data(), size);
    }
    ERR_clear_error();
    const int taken = SSL_write(ssl.get(), piece.data(), static_cast<int>(size));
    if (taken <= 0) {
      const int error = SSL_get_error(ssl.get(), taken);
      if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) break;
      return Unreachable("the TLS connection broke while sending");
    }
    absl::Cord::Advance(&at, static_cast<size_t>(taken));
    sent += static_cast<size_t>(taken);
  }
  return sent;
}

absl::StatusOr<ssize_t> Connection::Receive(char* into, size_t size) {
  if (ssl != nullptr) {
    ERR_clear_error();
    const int got = SSL_read(ssl.get(), into, static_cast<int>(size));
    if (got > 0) return got;
    switch (SSL_get_error(ssl.get(), got)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return 0;
      case SSL_ERROR_ZERO_RETURN:
        return -1;
      default:
        return Unreachable("the TLS connection broke before the answer was whole");
    }
  }
  for (;;) {
    const ssize_t got = recv(socket.native_handle(), into, size, MSG_DONTWAIT);
    if (got > 0) return got;
    if (got == 0) return -1;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
    return Unreachable(std::string("the connection broke before the answer was whole: ") +
                       std::strerror(errno));
  }
}

bool Connection::IsQuiet() {
  char scratch;
  const ssize_t got = recv(socket.native_handle(), &scratch, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

class Exchange;

// What all exchanges of a client share. Outlives them.
struct Shared {
  Shared(BodyClientOptions given, SslContext trusted)
      : options(std::move(given)), context(std::move(trusted)) {}

  const BodyClientOptions options;
  const SslContext context;
  asio::io_context io;
  std::mutex mutex;
  std::set<std::shared_ptr<Exchange>> active;  // guarded by mutex, as all below
  std::map<Origin, std::list<std::unique_ptr<Connection>>> idle;
  bool stopped = false;

  std::unique_ptr<Connection> TakeIdle(const Origin& origin) {
    for (;;) {
      std::unique_ptr<Connection> out;
      {
        std::lock_guard lock(mutex);
        const auto found = idle.find(origin);
        if (found == idle.end()) return nullptr;
        out = std::move(found->second.back());  // the one used last is the likeliest to live
        found->second.pop_back();
        if (found->second.empty()) idle.erase(found);
      }
      if (out->IsQuiet() && std::chrono::steady_clock::now() - out->idle_since < options.idle_life)
        return out;
    }
  }

  void Keep(const Origin& origin, std::unique_ptr<Connection> connection) {
    connection->idle_since = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex);
    auto& kept = idle[origin];
    if (!stopped && kept.size() < options.max_idle_per_host) kept.push_back(std::move(connection));
    if (kept.empty()) idle.erase(origin);
  }
};

// One request from its beginning to its answer.
class Exchange final : public OutgoingBody, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<Shared> shared, Address address, std::string head, bool no_body_back,
           std::optional<uint64_t> length, Deadline deadline, BodyClient::Done done)
      : shared_(std::move(shared)),
        address_(std::move(address)),
        no_body_back_(no_body_back),
        length_(length),
        deadline_(deadline),
        connect_by_(std::chrono::steady_clock::now() + shared_->options.connect_timeout),
        resolver_(shared_->io),
        done_(std::move(done)) {
    out_.Append(std::move(head));
    left_ = length.value_or(0);
    ResetParser();
  }

  void Begin() {
    auto connection = shared_->TakeIdle(address_.origin);
    if (connection == nullptr) {
      asio::post(shared_->io, [self = shared_from_this()] { self->Connect(); });
      return;
    }
    std::lock_guard lock(mutex_);
    connection_ = std::move(connection);
    OpenedLocked();
  }

  void Write(absl::Cord bytes, Sent sent) override {
    std::lock_guard lock(mutex_);
    if (ended_) {
      if (sent) asio::post(shared_->io, std::move(sent));
      return;
    }
    if (length_) {
      if (bytes.size() > left_) bytes.RemoveSuffix(bytes.size() - left_);
      left_ -= bytes.size();
      out_.Append(std::move(bytes));
    } else if (!bytes.empty()) {
      char size[20];
      std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
      out_.Append(size);
      out_.Append(std::move(bytes));
      out_.Append("\r\n");
    }
    queued_ = sent_ + out_.size();
    if (sent) waiting_.emplace_back(queued_, std::move(sent));
    if (open_) FlushLocked();
  }

  void End() override {
    std::lock_guard lock(mutex_);
    if (ended_ || length_ || body_ended_) return;
    body_ended_ = true;
    out_.Append("0\r\n\r\n");
    if (open_) FlushLocked();
  }

  // On the client's thread alone.
  void EndWith(absl::StatusOr<Response> result) {
    BodyClient::Done done;
    std::deque<std::pair<uint64_t, Sent>> waiting;
    std::unique_ptr<Connection> connection;
    bool keep = false;
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      ended_ = true;
      done = std::move(done_);
      waiting.swap(waiting_);
      if (open_) {
        connection = std::move(connection_);
      } else if (connection_ != nullptr) {
        // The connecting under way still uses it: it goes with the exchange.
        boost::system::error_code ignored;
        connection_->socket.close(ignored);
      }
      const bool sent_all = out_.empty() && left_ == 0 && (length_ || body_ended_);
      keep = result.ok() && sent_all && broken_.ok() && parser_->get().keep_alive() && !rest_;
      out_.Clear();
    }
    resolver_.cancel();
    if (keep) {
      shared_->Keep(address_.origin, std::move(connection));
    } else {
      connection.reset();
    }
    {
      std::lock_guard lock(shared_->mutex);
      shared_->active.erase(shared_from_this());
    }
    // First, so that whoever pumps a source learns that nobody wants more of it.
    done(std::move(result));
    for (auto& [mark, sent] : waiting) sent();
  }
  void EndSoon(absl::Status why) {
    asio::post(shared_->io, [self = shared_from_this(), why = std::move(why)] { self->EndWith(why); });
  }

  // On the client's thread.
  void CheckTime(SteadyTime now) {
    bool connecting = false;
    {
      std::lock_guard lock(mutex_);
      connecting = !open_ && !ended_;
    }
    if (now >= deadline_.at()) {
      EndWith(Fail(absl::StatusCode::kDeadlineExceeded, "HTTP_TIMEOUT", "no answer in time"));
    } else if (connecting && now >= connect_by_) {
      EndWith(Unreachable("no connection to " + address_.authority + " in time"));
    }
  }

 private:
  using Parser = beast::http::response_parser<beast::http::string_body>;

  void ResetParser() {
    parser_.emplace();
    parser_->header_limit(32 * 1024);
    parser_->body_limit(shared_->options.max_response_bytes);
    parser_->eager(true);
    if (no_body_back_) parser_->skip(true);
  }

  // Everything until the connection is there happens on the client's thread.
  void Connect() {
    resolver_.async_resolve(address_.origin.host, address_.origin.port,
                            [self = shared_from_this()](const boost::system::error_code& error,
                                                        const tcp::resolver::results_type& found) {
                              if (error)
                                return self->EndWith(Unreachable("the host " + self->address_.origin.host +
                                                                 " is not known: " + error.message()));
                              self->ConnectTo(found);
                            });
  }

  void ConnectTo(const tcp::resolver::results_type& found) {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    connection_ = std::make_unique<Connection>(shared_->io);
    asio::async_connect(connection_->socket, found,
                        [self = shared_from_this()](const boost::system::error_code& error,
                                                    const tcp::endpoint&) { self->OnConnected(error); });
  }

  void OnConnected(const boost::system::error_code& error) {
    if (error) return EndWith(Unreachable("no connection to " + address_.authority + ": " + error.message()));
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      boost::system::error_code ignored;
      connection_->socket.non_blocking(true, ignored);
      connection_->socket.set_option(tcp::no_delay(true), ignored);
      if (!address_.origin.tls) return OpenedLocked();
      connection_->ssl =
          MakeClientSsl(shared_->context.get(), connection_->socket.native_handle(), address_.origin.host);
    }
    ShakeHands();
  }

  void ShakeHands() {
    absl::Status failed;
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      if (connection_->ssl == nullptr) {
        failed = Unreachable("no TLS for " + address_.authority);
      } else {
        ERR_clear_error();
        const int done = SSL_connect(connection_->ssl.get());
        if (done == 1) return OpenedLocked();
        const int error = SSL_get_error(connection_->ssl.get(), done);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
          connection_->socket.async_wait(
              error == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write,
              [self = shared_from_this()](const boost::system::error_code&) { self->ShakeHands(); });
          return;
        }
        failed = Unreachable(address_.authority + ": " + SslFailure(connection_->ssl));
      }
    }
    EndWith(std::move(failed));
  }

  void OpenedLocked() {
    open_ = true;
    AwaitAnswerLocked();
    // Head and first bytes leave together, where bytes will come.
    if (left_ == 0 || queued_ > 0) FlushLocked();
  }

  void AwaitAnswerLocked() {
    connection_->socket.async_wait(tcp::socket::wait_read,
                                   [self = shared_from_this()](const boost::system::error_code& error) {
                                     if (error != asio::error::operation_aborted) self->OnReadable();
                                   });
  }

  void FlushLocked() {
    while (!out_.empty()) {
      const absl::StatusOr<size_t> sent = connection_->Send(out_);
      if (!sent.ok()) {
        // An answer may have come before the connection broke; it says more.
        broken_ = sent.status();
        out_.Clear();
        asio::post(shared_->io, [self = shared_from_this()] { self->OnReadable(); });
        return;
      }
      if (*sent == 0) {
        if (std::exchange(write_awaited_, true)) return;
        connection_->socket.async_wait(
            tcp::socket::wait_write,
            [self = shared_from_this()](const boost::system::error_code& error) { self->OnWritable(error); });
        break;
      }
      out_.RemovePrefix(*sent);
      sent_ += *sent;
    }
    std::vector<Sent> now;
    while (!waiting_.empty() && waiting_.front().first <= sent_) {
      now.push_back(std::move(waiting_.front().second));
      waiting_.pop_front();
    }
    if (now.empty()) return;
    asio::post(shared_->io, [now = std::move(now)]() mutable {
      for (Sent& one : now) one();
    });
  }

  void OnWritable(const boost::system::error_code& error) {
    std::lock_guard lock(mutex_);
    write_awaited_ = false;
    if (!error && !ended_) FlushLocked();
  }

  void OnReadable() {
    absl::StatusOr<Response> result = Response();
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      const auto got = ReadLocked();
      if (got.ok() && !*got) return broken_.ok() ? AwaitAnswerLocked() : BreakLocked();
      if (got.ok()) {
        result = TakeAnswerLocked();
      } else {
        result = broken_.ok() ? got.status() : broken_;
      }
    }
    EndWith(std::move(result));
  }
  void BreakLocked() { EndSoon(broken_); }

  // Whether the answer is whole.
  absl::StatusOr<bool> ReadLocked() {
    std::array<char, 16 * 1024> piece;
    for (;;) {
      ASSIGN_OR_RETURN(const ssize_t got, connection_->Receive(piece.data(), piece.size()));
      if (got == 0) return false;
      boost::system::error_code error;
      if (got < 0) {
        if (parser_->got_some()) parser_->put_eof(error);
        if (!error && parser_->is_done()) return true;
        return Unreachable("the connection was closed before the answer was whole");
      }
      in_.append(piece.data(), static_cast<size_t>(got));
      while (!in_.empty()) {
        const size_t used = parser_->put(asio::buffer(in_), error);
        in_.erase(0, used);
        if (error == beast::http::error::need_more) break;
        if (error == beast::http::error::body_limit)
          return Fail(absl::StatusCode::kUnavailable, "HTTP_ANSWER_TOO_LARGE",
                      "the answer is larger than allowed");
        if (error) return Unreachable("what answered speaks no HTTP: " + error.message());
        if (!parser_->is_done()) continue;
        if (parser_->get().result_int() / 100 != 1) {
          rest_ = !in_.empty();
          return true;
        }
        if (++interim_ > kMostInterim || parser_->get().result_int() == 101)
          return Unreachable("what answered sends interim answers without end");
        ResetParser();
      }
    }
  }

  Response TakeAnswerLocked() {
    auto& message = parser_->get();
    Response out;
    out.status = static_cast<int>(message.result_int());
    for (const auto& field : message)
      out.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    out.body = std::move(message.body());
    return out;
  }

  const std::shared_ptr<Shared> shared_;
  const Address address_;
  const bool no_body_back_;
  const std::optional<uint64_t> length_;
  const Deadline deadline_;
  const SteadyTime connect_by_;
  tcp::resolver resolver_;

  std::mutex mutex_;
  BodyClient::Done done_;  // guarded by mutex_, as all below
  std::unique_ptr<Connection> connection_;
  bool open_ = false;
  bool ended_ = false;
  bool body_ended_ = false;
  bool write_awaited_ = false;
  // What is to be sent, and how much was; of a known length what was not given yet.
  absl::Cord out_;
  uint64_t sent_ = 0;
  uint64_t queued_ = 0;
  uint64_t left_ = 0;
  std::deque<std::pair<uint64_t, Sent>> waiting_;
  absl::Status broken_;
  std::optional<Parser> parser_;
  std::string in_;
  // Answers of 1xx before the one that counts; more are nobody's honest work.
  static constexpr int kMostInterim = 8;
  int interim_ = 0;
  bool rest_ = false;  // something came behind the answer
};

class AsioBodyClient final : public BodyClient {
 public:
  AsioBodyClient(BodyClientOptions options, SslContext context)
      : shared_(std::make_shared<Shared>(std::move(options), std::move(context))),
        work_(shared_->io.get_executor()),
        tick_(shared_->io) {
    asio::post(shared_->io, [this] { Tick(); });
    thread_ = std::thread([this] { shared_->io.run(); });
  }

  ~AsioBodyClient() override {
    asio::post(shared_->io, [this] {
      std::set<std::shared_ptr<Exchange>> active;
      {
        std::lock_guard lock(shared_->mutex);
        shared_->stopped = true;
        active = shared_->active;
        shared_->idle.clear();
      }
      for (const auto& one : active)
        one->EndWith(Fail(absl::StatusCode::kCancelled, "HTTP_CANCELLED", "the client has ended"));
      tick_.cancel();
      work_.reset();
    });
    thread_.join();
  }

  std::shared_ptr<OutgoingBody> Open(Request request, std::optional<uint64_t> length, Deadline deadline,
                                     CancelToken cancel, Done done) override {
    auto address = ReadUrl(request.url);
    std::string head = request.method + " " + (address ? address->target : "/") + " HTTP/1.1\r\n";
    head += "Host: " + (address ? address->authority : "") + "\r\n";
    const bool named = !request.method.empty() && std::all_of(request.method.begin(), request.method.end(),
                                                              [](char c) { return c >= 'A' && c <= 'Z'; });
    bool good = address.has_value() && named;
    for (const auto& [name, value] : request.headers) {
      // Two of these would let two readers see two requests.
      for (const char* own : {"Host", "Content-Length", "Transfer-Encoding", "Connection"})
        good = good && !SameName(name, own);
      good = good && !name.empty() &&
             (name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
      head += name + ": " + value + "\r\n";
    }
    head += length ? "Content-Length: " + std::to_string(*length) : std::string("Transfer-Encoding: chunked");
    head += "\r\n\r\n";
    auto exchange = std::make_shared<Exchange>(shared_, address.value_or(Address()), std::move(head),
                                               request.method == "HEAD", length, deadline, std::move(done));
    {
      std::lock_guard lock(shared_->mutex);
      shared_->active.insert(exchange);
    }
    bool stopped = false;
    {
      std::lock_guard lock(shared_->mutex);
      stopped = shared_->stopped;
    }
    if (stopped) {
      exchange->EndSoon(Fail(absl::StatusCode::kCancelled, "HTTP_CANCELLED", "the client has ended"));
      return exchange;
    }
    if (!good) {
      exchange->EndSoon(Fail(absl::StatusCode::kInvalidArgument, "HTTP_REQUEST_INVALID",
                             "the address or a header is none that can be sent"));
      return exchange;
    }
    exchange->Begin();
    cancel.OnCancel([weak = std::weak_ptr<Exchange>(exchange)] {
      if (const auto alive = weak.lock())
        alive->EndSoon(Fail(absl::StatusCode::kCancelled, "HTTP_CANCELLED", "nobody waits for the answer"));
    });
    return exchange;
  }

 private:
  // Deadlines need no better than this.
  static constexpr std::chrono::milliseconds kTick{50};

  void Tick() {
    const SteadyTime now = std::chrono::steady_clock::now();
    std::vector<std::shared_ptr<Exchange>> active;
    std::list<std::unique_ptr<Connection>> old;
    {
      std::lock_guard lock(shared_->mutex);
      // A tick that was due when the client ended came too late to be cancelled.
      if (shared_->stopped) return;
      active.assign(shared_->active.begin(), shared_->active.end());
      for (auto& [origin, kept] : shared_->idle) {
        while (!kept.empty() && now - kept.front()->idle_since >= shared_->options.idle_life)
          old.splice(old.end(), kept, kept.begin());
      }
      std::erase_if(shared_->idle, [](const auto& one) { return one.second.empty(); });
    }
    for (const auto& one : active) one->CheckTime(now);
    tick_.expires_after(kTick);
    tick_.async_wait([this](const boost::system::error_code& error) {
      if (!error) Tick();
    });
  }

  const std::shared_ptr<Shared> shared_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer tick_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BodyClient>> MakeBodyClient(BodyClientOptions options) {
  ASSIGN_OR_RETURN(SslContext context, MakeClientContext(options.ca_file));
  return std::make_unique<AsioBodyClient>(std::move(options), std::move(context));
}

}  // namespace sluice::http
