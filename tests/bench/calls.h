// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::bench {

using Instant = std::chrono::steady_clock::time_point;

// How one call ended. A value.
struct Outcome {
  bool ok = false;
  // `CODE/REASON` of a call that failed.
  std::string error;
  // What RetryInfo says.
  std::optional<std::chrono::milliseconds> retry;
  Instant began;
  Instant ended;
  // Serialised; empty unless it went well.
  grpc::ByteBuffer answer;
};

// Sets `error` and `retry` of a call that failed.
void Describe(const grpc::Status& status, Outcome& out);

// Unary calls and timers on one completion queue, as cheap as gRPC's client allows: bytes go in and out
// unparsed, and the objects of a call that ended serve the next. Everything happens on the thread in Run.
class Calls {
 public:
  using Done = std::function<void(const Outcome&)>;

  // `ca` is PEM; plaintext when empty. Calls are spread over `connections` connections in turn.
  Calls(const std::string& target, const std::string& ca, unsigned connections);
  ~Calls();

  // Waits until all connections stand; false after ten seconds.
  bool Connect();

  // `method` is `/package.Service/Method`. What the arguments refer to must live until the call has ended.
  void Start(const std::string& method, const grpc::ByteBuffer& request, const std::string& authorization,
             std::chrono::milliseconds deadline, Done done);
  void At(Instant when, std::function<void()> what);

  // Until nothing is under way and no timer is set, or until `end`; true for the former.
  bool Run(Instant end);

 private:
  struct Call;
  void Finish(Call& call);

  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Call>> all_;
  std::vector<Call*> idle_;
  std::multimap<Instant, std::function<void()>> timers_;
  size_t next_ = 0;
};

}  // namespace sluice::bench
