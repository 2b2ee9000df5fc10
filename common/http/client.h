// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/http/message.h"

namespace sluice::http {

// Sends requests. Thread-safe. Never follows a redirect, never sends `Expect`.
class Client {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<Response>)>;
  virtual ~Client() = default;

  // Calls `done` exactly once, on the client's own thread, which must not be blocked. Any HTTP status is a
  // value; an error is `UNAVAILABLE` `HTTP_UNREACHABLE`, `DEADLINE_EXCEEDED` `HTTP_TIMEOUT`, `CANCELLED`
  // `HTTP_CANCELLED`, or what a source or sink gave.
  virtual void Send(Request request, Deadline deadline, CancelToken cancel, Done done) = 0;
};

}  // namespace sluice::http
