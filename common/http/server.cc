// SPDX-License-Identifier: Apache-2.0
#include "common/http/server.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <future>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <utility>
#include <variant>

#include "absl/cleanup/cleanup.h"
#include "common/base/iso_time.h"
#include "common/base/status.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;
using Socket = beast::tcp_stream;
using TlsSocket = beast::ssl_stream<beast::tcp_stream>;
using TlsContext = asio::ssl::context;

// What is sent of a body at once.
constexpr size_t kSent = 256 * 1024;
// How long, and how much of, a body that nobody wants is still taken after its answer, so that the answer
// arrives: a connection that is closed with bytes unread is reset, and the peer may lose what it had
// received.
constexpr auto kLinger = std::chrono::seconds(2);
constexpr size_t kLingerBytes = 64 << 20;
constexpr auto kToTuple = asio::as_tuple(asio::use_awaitable);

// Where any thread leaves what the connection waits for. It may outlive the connection and the server.
template <typename T>
class Mailbox : public std::enable_shared_from_this<Mailbox<T>> {
 public:
  explicit Mailbox(asio::steady_timer& alarm) : alarm_(&alarm) {}

  void Deliver(T what) {
    std::lock_guard lock(mutex_);
    if (alarm_ == nullptr) return;
    what_ = std::move(what);
    asio::post(alarm_->get_executor(), [self = this->shared_from_this()] {
      std::lock_guard again(self->mutex_);
      if (self->alarm_ != nullptr) self->alarm_->cancel();
    });
  }

  std::optional<T> Take() {
    std::lock_guard lock(mutex_);
    return std::exchange(what_, std::nullopt);
  }

  // From here on nothing of the connection is touched.
  void Close() {
    std::lock_guard lock(mutex_);
    alarm_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::steady_timer* alarm_;  // guarded by mutex_; null once the connection is gone
  std::optional<T> what_;      // guarded by mutex_
};

// Waits for what `ask` will have delivered, without a deadline: whoever was asked has one.
template <typename T>
asio::awaitable<std::optional<T>> Await(asio::any_io_executor executor,
                                        absl::AnyInvocable<void(std::shared_ptr<Mailbox<T>>)> ask) {
  asio::steady_timer alarm(executor, asio::steady_timer::time_point::max());
  auto mailbox = std::make_shared<Mailbox<T>>(alarm);
  const absl::Cleanup close = [mailbox] { mailbox->Close(); };
  ask(mailbox);
  auto out = mailbox->Take();
  if (!out) {
    co_await alarm.async_wait(kToTuple);
    out = mailbox->Take();
  }
  co_return out;
}

std::string ClientCertificate(Socket&) { return {}; }
std::string ClientCertificate(TlsSocket& socket) {
  X509* certificate = SSL_get1_peer_certificate(socket.native_handle());
  if (certificate == nullptr || SSL_get_verify_result(socket.native_handle()) != X509_V_OK) {
    X509_free(certificate);
    return {};
  }
  BIO* memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(memory, certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(memory);
  X509_free(certificate);
  return pem;
}

class BeastServer final : public Server {
 public:
  BeastServer(ServerOptions options, Handler& handler)
      : options_(std::move(options)), handler_(handler), context_(1), acceptor_(context_) {}

  ~BeastServer() override { Stop(std::chrono::milliseconds(0)); }

  absl::Status Start() {
    if (absl::Status status = ReloadTls(); !status.ok()) return status;
    if (absl::Status status = Listen(); !status.ok()) return status;
    asio::co_spawn(context_, Accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }

  uint16_t port() const override { return port_; }

  absl::Status ReloadTls() override {
    if (!options_.tls) return absl::OkStatus();
    auto texts = ReadTlsFiles(*options_.tls);
    if (!texts.ok()) return texts.status();
    auto fresh = std::make_shared<TlsContext>(asio::ssl::context::tls_server);
    if (error_code error = Fill(*fresh, *texts))
      return Fail(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID",
                  "OpenSSL does not serve with " + options_.tls->cert_file + ": " + error.message());
    std::lock_guard lock(tls_mutex_);
    tls_ = std::move(fresh);
    return absl::OkStatus();
  }

  void Stop(std::chrono::milliseconds grace) override {
    std::lock_guard lock(stop_mutex_);
    if (!thread_.joinable()) return;
    std::promise<void> idle;
    auto done = idle.get_future();
    asio::post(context_, [&] {
      error_code ignored;
      acceptor_.close(ignored);
      stopping_ = true;
      for (auto* socket : waiting_) socket->close();
      for (auto* socket : silent_) socket->cancel(ignored);
      idle_ = &idle;
      SignalIfIdle();
    });
    if (grace.count() > 0) done.wait_for(grace);
    context_.stop();
    thread_.join();
  }

 private:
  absl::Status Refused(const std::string& what) {
    return Fail(absl::StatusCode::kFailedPrecondition, "LISTEN_FAILED",
                "cannot listen on " + options_.host + ":" + std::to_string(options_.port) + ": " + what);
  }

  static error_code Fill(TlsContext& context, const TlsTexts& texts) {
    context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                        asio::ssl::context::no_tlsv1_1);
    error_code error;
    context.use_certificate_chain(asio::buffer(texts.certificates), error);
    if (!error) context.use_private_key(asio::buffer(texts.key.Reveal()), asio::ssl::context::pem, error);
    if (error || texts.client_authorities.empty()) return error;
    context.add_certificate_authority(asio::buffer(texts.client_authorities), error);
    if (!error) context.set_verify_mode(asio::ssl::verify_peer, error);
    // Without a name for them OpenSSL fails the handshake of whoever resumes a session with a certificate.
    static constexpr unsigned char kSessions[] = "sluice";
    SSL_CTX_set_session_id_context(context.native_handle(), kSessions, sizeof(kSessions) - 1);
    return error;
  }

  std::shared_ptr<TlsContext> Tls() {
    std::lock_guard lock(tls_mutex_);
    return tls_;
  }

  absl::Status Listen() {
    error_code error;
    const auto address =
        asio::ip::make_address(options_.host == "localhost" ? "127.0.0.1" : options_.host, error);
    if (error) return Refused("not a numeric address");
    const asio::ip::tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return Refused(error.message());
    port_ = acceptor_.local_endpoint().port();
    return absl::OkStatus();
  }

  asio::awaitable<void> Accept() {
    while (acceptor_.is_open()) {
      auto [error, socket] = co_await acceptor_.async_accept(kToTuple);
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
      if (error) {  // out of descriptors, most likely: give the others a moment to end
        asio::steady_timer pause(context_, std::chrono::milliseconds(50));
        co_await pause.async_wait(kToTuple);
        continue;
      }
      if (connections_ >= options_.max_connections) continue;  // closed by going out of scope
      asio::co_spawn(context_, Connection(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> Connection(asio::ip::tcp::socket socket) {
    ++connections_;
    error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    const auto remote = socket.remote_endpoint(ignored);
    const std::string peer = ignored ? std::string() : remote.address().to_string();
    if (const auto tls = Tls()) {  // held until the connection ends, whatever is reloaded meanwhile
      TlsSocket stream(std::move(socket), *tls);
      beast::get_lowest_layer(stream).expires_after(options_.io_timeout);
      auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kToTuple);
      if (!error) {
        co_await Serve(stream, peer, true);
        beast::get_lowest_layer(stream).expires_after(std::chrono::seconds(2));
        co_await stream.async_shutdown(kToTuple);
      }
    } else {
      Opening opening = Opening::kHttp1;
      if (options_.on_http2) opening = co_await Look(socket);
      if (opening == Opening::kHttp2) {
        const int descriptor = socket.release(ignored);
        fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
        options_.on_http2(descriptor);
      } else if (opening == Opening::kHttp1) {
        Socket stream(std::move(socket));
        co_await Serve(stream, peer, false);
        stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
      }
    }
    --connections_;
    SignalIfIdle();
  }

  enum class Opening { kHttp1, kHttp2, kNone };

  // Looks at the first bytes without taking them, for as long as they could still become HTTP/2's preface.
  asio::awaitable<Opening> Look(asio::ip::tcp::socket& socket) {
    constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    constexpr auto kPause = std::chrono::milliseconds(10);
    const auto end = std::chrono::steady_clock::now() + options_.io_timeout;
    asio::steady_timer alarm(context_, end);
    // Empty once the alarm is too late: it may be on its way when it is cancelled.
    const auto watched = std::make_shared<asio::ip::tcp::socket*>(&socket);
    alarm.async_wait([watched](error_code error) {
      if (!error && *watched != nullptr) (*watched)->cancel(error);
    });
    silent_.insert(&socket);
    auto [error] = co_await socket.async_wait(asio::ip::tcp::socket::wait_read, kToTuple);
    silent_.erase(&socket);
    *watched = nullptr;
    while (!error && !stopping_) {
      char start[kPreface.size()];
      const ssize_t got = recv(socket.native_handle(), start, sizeof(start), MSG_PEEK | MSG_DONTWAIT);
      if (got <= 0) co_return Opening::kHttp1;
      if (!kPreface.starts_with(std::string_view(start, static_cast<size_t>(got)))) co_return Opening::kHttp1;
      if (static_cast<size_t>(got) == kPreface.size()) co_return Opening::kHttp2;
      pollfd ended{socket.native_handle(), POLLRDHUP, 0};
      if (poll(&ended, 1, 0) != 0) co_return Opening::kHttp1;  // no more will come
      // The socket stays readable meanwhile, so time alone can be waited for.
      if (std::chrono::steady_clock::now() >= end) break;
      asio::steady_timer pause(context_, kPause);
      co_await pause.async_wait(kToTuple);
    }
    co_return Opening::kNone;
  }

  template <typename Stream>
  asio::awaitable<void> Serve(Stream& stream, const std::string& peer, bool tls) {
    beast::flat_buffer buffer(options_.header_limit + options_.piece_bytes);
    while (!stopping_) {
      bhttp::request_parser<bhttp::buffer_body> parser;
      parser.header_limit(static_cast<uint32_t>(options_.header_limit));
      parser.body_limit(boost::none);
      auto& lowest = beast::get_lowest_layer(stream);
      lowest.expires_after(options_.io_timeout);
      waiting_.insert(&lowest);
      auto [error, got] = co_await bhttp::async_read_header(stream, buffer, parser, kToTuple);
      waiting_.erase(&lowest);
      if (error) {
        if (int status = StatusOf(error); status != 0)
          co_await Send(stream, Plain(status, error.message()), false, false);
        co_return;
      }
      ++busy_;
      const bool again = co_await OneExchange(stream, buffer, parser, peer, tls);
      --busy_;
      if (!again) co_return;
    }
  }

  // One request and its answer; whether the connection goes on.
  template <typename Stream, typename Parser>
  asio::awaitable<bool> OneExchange(Stream& stream, beast::flat_buffer& buffer, Parser& parser,
                                    const std::string& peer, bool tls) {
    auto& message = parser.get();
    RequestHead head;
    head.method = std::string(message.method_string());
    head.target = std::string(message.target());
    for (const auto& field : message)
      head.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    head.peer = peer;
    head.tls = tls;
    head.client_certificate = ClientCertificate(stream);
    if (auto length = parser.content_length()) head.content_length = *length;
    const bool is_head = head.method == "HEAD";
    const bool keep = message.keep_alive() && !stopping_;
    const uint64_t limit = handler_.BodyLimit(head);
    if (head.content_length.value_or(0) > limit) {
      if (co_await Send(stream, Plain(413, "the body is too large"), false, is_head)) co_await Linger(stream);
      co_return false;
    }
    const bool wants_continue = beast::iequals(message[bhttp::field::expect], "100-continue");
    auto exchange = handler_.Start(std::move(head));
    // No deadline of ours while the handler works: it has one.
    const auto ready = [&] {
      beast::get_lowest_layer(stream).expires_never();
      return Await<std::monostate>(stream.get_executor(), [&exchange](auto mailbox) {
        exchange->AwaitReady([mailbox] { mailbox->Deliver({}); });
      });
    };
    if (!parser.is_done()) co_await ready();
    if (wants_continue && !parser.is_done()) {
      bhttp::response<bhttp::empty_body> go(bhttp::status::continue_, 11);
      beast::get_lowest_layer(stream).expires_after(options_.io_timeout);
      auto [error, sent] = co_await bhttp::async_write(stream, go, kToTuple);
      if (error) co_return false;
    }
    bool whole = true;
    uint64_t received = 0;
    std::vector<char> piece(parser.is_done() ? 0 : options_.piece_bytes);
    // The library reads no more at once than fits: of a buffer that holds a header, hundreds of bytes.
    if (!parser.is_done()) buffer.reserve(std::min(options_.piece_bytes, buffer.max_size()));
    while (!parser.is_done()) {
      auto& body = parser.get().body();
      body.data = piece.data();
      body.size = piece.size();
      body.more = true;
      beast::get_lowest_layer(stream).expires_after(options_.io_timeout);
      auto [error, got] = co_await bhttp::async_read_some(stream, buffer, parser, kToTuple);
      if (error == bhttp::error::need_buffer) error = {};
      if (error) co_return false;
      const size_t size = piece.size() - parser.get().body().size;
      received += size;
      if (received > limit) {
        if (co_await Send(stream, Plain(413, "the body is too large"), false, is_head))
          co_await Linger(stream);
        co_return false;
      }
      if (size > 0 && !exchange->OnBody({piece.data(), size}).ok()) {
        whole = false;
        break;
      }
      if (!parser.is_done()) co_await ready();
    }
    piece = {};
    buffer.shrink_to_fit();
    beast::get_lowest_layer(stream).expires_never();
    auto answer = co_await Await<Answer>(stream.get_executor(), [&exchange](auto mailbox) {
      exchange->OnEnd([mailbox](Answer given) { mailbox->Deliver(std::move(given)); });
    });
    if (!answer) co_return false;
    if (answer->reset) {
      error_code ignored;
      beast::get_lowest_layer(stream).socket().set_option(asio::socket_base::linger(true, 0), ignored);
      beast::get_lowest_layer(stream).close();
      co_return false;
    }
    const bool sent = co_await Send(stream, *std::move(answer), keep && whole, is_head);
    if (sent && !whole) co_await Linger(stream);
    co_return sent&& keep&& whole && !stopping_;
  }

  template <typename Stream>
  asio::awaitable<void> Linger(Stream& stream) {
    error_code ignored;
    if constexpr (std::is_same_v<Stream, Socket>)
      stream.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    beast::get_lowest_layer(stream).expires_after(kLinger);
    std::vector<char> unwanted(64 * 1024);
    for (size_t taken = 0; taken < kLingerBytes;) {
      auto [error, got] = co_await stream.async_read_some(asio::buffer(unwanted), kToTuple);
      if (error) break;
      taken += got;
    }
  }

  static int StatusOf(error_code error) {
    if (error == bhttp::error::header_limit) return 431;
    if (error == bhttp::error::end_of_stream || error == beast::error::timeout ||
        error == bhttp::error::partial_message)
      return 0;
    return error.category() == bhttp::make_error_code(bhttp::error::bad_method).category() ? 400 : 0;
  }

  static Answer Plain(int status, const std::string& text) {
    return Answer{status, {{"Content-Type", "text/plain"}}, text + "\n", nullptr};
  }

  template <typename Stream>
  asio::awaitable<bool> Send(Stream& stream, Answer answer, bool keep, bool is_head) {
    bhttp::response<bhttp::buffer_body> message(static_cast<bhttp::status>(answer.status), 11);
    for (const auto& [name, value] : answer.headers) message.insert(name, value);
    if (message.find(bhttp::field::date) == message.end())
      message.set(bhttp::field::date, HttpDate(std::chrono::system_clock::now()));
    const uint64_t size = answer.source ? answer.source->size() : answer.body.size();
    const bool bodiless = answer.status == 204 || answer.status == 304;
    if (!bodiless && message.find(bhttp::field::content_length) == message.end())
      message.content_length(size);
    message.keep_alive(keep);
    message.body().data = nullptr;
    message.body().more = !is_head && !bodiless && size > 0;
    if (answer.cut_after) {
      std::ostringstream text;
      text << message.base() << answer.body;
      const std::string whole = text.str().substr(0, *answer.cut_after);
      co_await asio::async_write(stream, asio::buffer(whole), kToTuple);
      co_return false;
    }
    bhttp::response_serializer<bhttp::buffer_body> serializer(message);
    beast::get_lowest_layer(stream).expires_after(options_.io_timeout);
    auto [error, sent] = co_await bhttp::async_write_header(stream, serializer, kToTuple);
    if (error) co_return false;
    if (is_head || bodiless || size == 0) co_return true;
    if (!answer.source) {
      auto [failed, count] = co_await asio::async_write(stream, asio::buffer(answer.body), kToTuple);
      co_return !failed;
    }
    std::vector<char> piece(kSent);
    for (uint64_t left = size; left > 0;) {
      auto got = answer.source->Read(piece);
      if (!got.ok() || *got == 0) co_return false;  // the peer sees a short body: the only honest sign left
      beast::get_lowest_layer(stream).expires_after(options_.io_timeout);
      auto [failed, count] = co_await asio::async_write(stream, asio::buffer(piece.data(), *got), kToTuple);
      if (failed) co_return false;
      left -= std::min<uint64_t>(left, *got);
    }
    co_return true;
  }

  void SignalIfIdle() {
    if (stopping_ && idle_ != nullptr && busy_ == 0 && connections_ == 0) {
      idle_->set_value();
      idle_ = nullptr;
    }
  }

  const ServerOptions options_;
  Handler& handler_;
  asio::io_context context_;
  asio::ip::tcp::acceptor acceptor_;
  std::mutex tls_mutex_;
  std::shared_ptr<TlsContext> tls_;  // guarded by tls_mutex_; null without TLS
  uint16_t port_ = 0;
  std::mutex stop_mutex_;
  std::thread thread_;
  // Touched by the server's thread only.
  std::set<beast::tcp_stream*> waiting_;
  std::set<asio::ip::tcp::socket*> silent_;  // connected and not a byte yet
  size_t connections_ = 0;
  size_t busy_ = 0;
  bool stopping_ = false;
  std::promise<void>* idle_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> StartServer(ServerOptions options, Handler& handler) {
  auto server = std::make_unique<BeastServer>(std::move(options), handler);
  if (absl::Status status = server->Start(); !status.ok()) return status;
  return server;
}

}  // namespace sluice::http
