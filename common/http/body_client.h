// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/http/client.h"
#include "common/http/message.h"

namespace sluice::http {

// A request whose body is on its way. Thread-safe. Letting go of it ends nothing: the cancel token does.
class OutgoingBody {
 public:
  using Sent = absl::AnyInvocable<void()>;
  virtual ~OutgoingBody() = default;
  // The next bytes, no more than the length that was named leaves. As much as the socket takes is written at
  // once, on the calling thread, from where the bytes lie; the rest leaves later. `sent`, which may be null,
  // is called once when the bytes are the kernel's, or never will be.
  virtual void Write(absl::Cord bytes, Sent sent = nullptr) = 0;
  // No more bytes come; only for a body without a length.
  virtual void End() = 0;
};

// Sends requests with large bodies: PUTs of objects and parts. Writing from the thread that has the bytes
// costs half of handing them to another. Connections are kept alive and shared. Thread-safe; never blocks the
// caller. Never follows a redirect, never sends `Expect`, and sends the target byte for byte.
class BodyClient {
 public:
  using Done = Client::Done;
  virtual ~BodyClient() = default;

  // Begins a request of `request`'s method, url and headers; `length` absent sends the body chunked. `done`
  // is called exactly once, with the answer, which may come before the body is whole, and then ends it.
  // Errors are those of Client::Send; one of `HTTP_UNREACHABLE` or `HTTP_TIMEOUT` says nothing of whether the
  // request was carried out. Neither `done` nor a Sent is ever called from inside a call of this interface,
  // so that callers may hold locks; they run on the client's thread, which must not be blocked.
  virtual std::shared_ptr<OutgoingBody> Open(Request request, std::optional<uint64_t> length,
                                             Deadline deadline, CancelToken cancel, Done done) = 0;
};

struct BodyClientOptions {
  // PEM authorities to trust instead of the system's; empty for the system's.
  std::string ca_file;
  std::chrono::milliseconds connect_timeout{5000};
  // OSS itself ends idle connections after a minute.
  std::chrono::milliseconds idle_life{30000};
  size_t max_idle_per_host = 64;
  // Largest body of an answer.
  size_t max_response_bytes = 1 << 20;
};

// On sockets of its own with one thread for whatever a socket does not take or give at once. Destroying it
// cancels what is under way. `INVALID_ARGUMENT` `TLS_FILES_INVALID` for authorities that cannot be read.
absl::StatusOr<std::unique_ptr<BodyClient>> MakeBodyClient(BodyClientOptions options);

}  // namespace sluice::http
