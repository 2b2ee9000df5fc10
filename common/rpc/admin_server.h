// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::rpc {

// gRPC for operators: reflection, channelz and health, on connections that another listener hands over, so
// that one admin port speaks HTTP and gRPC. Plaintext only: behind an admin port with TLS there is HTTP
// alone. It begins with the first connection: its threads poll the sockets of every other gRPC server of the
// process too, which then pay for the switches between them. Thread-safe.
class AdminServer {
 public:
  // `services` are full names such as `sluice.token.v1.TokenBroker`, compiled in; reflection lists and
  // describes them, and calling them here is `UNIMPLEMENTED` with a text that points to `served_at`.
  // `NOT_FOUND` `SERVICE_UNKNOWN` for a name without a descriptor.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::vector<std::string>& services,
                                                            const std::string& served_at);
  ~AdminServer();

  // Owns the descriptor from now on: a connected, non-blocking socket of which nothing was read. Made for
  // http::ServerOptions::on_http2. The first blocks for some milliseconds; closes it once stopped.
  void Take(int descriptor);
  // What health checks hear, for the server as a whole; not serving until told.
  void SetServing(bool serving);
  // Ends all connections. Idempotent; blocks for the calls under way, which are cancelled.
  void Stop();

 private:
  class Elsewhere;
  explicit AdminServer(std::vector<std::unique_ptr<Elsewhere>> services);
  // Whether there is a server now.
  bool OpenLocked();

  const std::vector<std::unique_ptr<Elsewhere>> services_;
  std::mutex mutex_;
  std::unique_ptr<grpc::Server> server_;  // guarded by mutex_, as all below; null before the first connection
  bool serving_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::rpc
