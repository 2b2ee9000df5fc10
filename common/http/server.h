// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/http/message.h"
#include "common/http/tls_files.h"

namespace sluice::http {

// What the server knows when the headers are in. Names and values are as received.
struct RequestHead {
  std::string method;
  // As on the request line: path and query, still percent-encoded.
  std::string target;
  Headers headers;
  // Numeric address of the peer, without the port.
  std::string peer;
  bool tls = false;
  // PEM of the verified client certificate; empty without one.
  std::string client_certificate;
  // Absent when the body is chunked.
  std::optional<uint64_t> content_length;
};

// An answer. Content-Length, Date and Connection are added by the server; `source` is sent instead of `body`
// when set.
struct Answer {
  int status = 200;
  Headers headers;
  std::string body;
  std::shared_ptr<BodySource> source;
  // Sends nothing of the above: the connection is cut at once, which the peer sees as a reset (RST).
  bool reset = false;
  // With `body`: only so many bytes of the answer leave, its head included, then the connection is closed.
  std::optional<uint64_t> cut_after;
};

// One request being served. All calls come from the server's thread, which must not be blocked.
class Exchange {
 public:
  using Respond = absl::AnyInvocable<void(Answer)>;
  using Ready = absl::AnyInvocable<void()>;
  // Destroyed after the answer was sent, or when the peer has left before.
  virtual ~Exchange() = default;
  // Before each piece of the body is read: `ready` must be called exactly once, from any thread, then or
  // later. Until then the peer is held back.
  virtual void AwaitReady(Ready ready) { ready(); }
  // One piece of the body, at most ServerOptions::piece_bytes; valid during the call only. An error stops
  // reading: OnEnd follows at once, and the connection closes after its answer.
  virtual absl::Status OnBody(std::string_view piece) = 0;
  // The body is complete. `respond` must be called exactly once, from any thread, then or later.
  virtual void OnEnd(Respond respond) = 0;
};

// Chooses what happens with a request. Thread-safe.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual std::unique_ptr<Exchange> Start(RequestHead head) = 0;
  // Largest body accepted for this request; beyond it the server answers 413 itself.
  virtual uint64_t BodyLimit(const RequestHead& head) const = 0;
};

struct ServerOptions {
  // Numeric address or `localhost`.
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::optional<TlsFiles> tls;
  // For one header block, for one piece of a body, and for an idle kept-alive connection.
  std::chrono::seconds io_timeout{60};
  size_t header_limit = 32 * 1024;
  size_t max_connections = 4096;
  // What a connection takes of a body at once.
  size_t piece_bytes = 256 * 1024;
  // Takes plaintext connections that begin with HTTP/2's preface, as gRPC's do; nothing of them was read. The
  // descriptor is non-blocking and becomes the function's own; the server knows nothing of it from then on.
  // Called on the server's thread. Without it, and over TLS, HTTP/2 is answered 400.
  std::function<void(int descriptor)> on_http2;
};

// An HTTP/1.1 server with one thread. Sends `100 Continue` when asked to. Answers 400, 408, 413, 431 by
// itself.
class Server {
 public:
  virtual ~Server() = default;
  virtual uint16_t port() const = 0;
  // Reads the TLS files again: connections that begin from now on use them, those that stand live on. Where
  // they are bad, `TLS_FILES_INVALID`, and all stays as it was. OK without TLS. Thread-safe; blocks for the
  // reading.
  virtual absl::Status ReloadTls() = 0;
  // Stops accepting, lets requests in flight finish until `grace` has passed, then closes all. Idempotent;
  // blocks.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

// `handler` must outlive the server. Fails with `LISTEN_FAILED` (address taken, or not local), or as
// ReadTlsFiles does, and says which.
absl::StatusOr<std::unique_ptr<Server>> StartServer(ServerOptions options, Handler& handler);

}  // namespace sluice::http
