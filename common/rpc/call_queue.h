// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

namespace sluice::rpc::internal {

// Something that a completion queue gives back. Deletes itself when its work is done.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Proceed(bool ok) = 0;
};

// A call that waits for its turn at its queue's thread.
class Waiting {
 public:
  virtual ~Waiting() = default;
  virtual void Work() = 0;
  // Instead, when its turn comes too late.
  virtual void TurnAway() = 0;
};

// A completion queue with its threads. What it gives back is taken first, since a call may be answered as it
// arrives; calls that need work wait behind it, in order, no longer and no more than is of use to anybody.
// Thread-safe.
class Queue {
 public:
  // Each holds some kilobytes of gRPC's.
  static constexpr size_t kMostWaiting = 2048;

  Queue(std::unique_ptr<grpc::ServerCompletionQueue> queue, std::chrono::milliseconds most_wait)
      : queue_(std::move(queue)), most_wait_(most_wait) {}

  grpc::ServerCompletionQueue& completions() { return *queue_; }
  // On one of the queue's threads.
  void Wait(Waiting& call);
  // Until the queue was shut down, which must not be before the last call has gone. One thread is cheapest
  // for small calls; with several, whichever has read a message works on it.
  void Run();

 private:
  struct Place {
    Waiting* call;
    std::chrono::steady_clock::time_point since;
  };
  void ServeOldest();

  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const std::chrono::milliseconds most_wait_;
  std::mutex mutex_;
  std::deque<Place> waiting_;  // guarded by mutex_
  std::atomic<size_t> waiting_count_ = 0;
};

// How many calls exist, posted, served or made; the server ends when none is left.
class CallCount {
 public:
  void Add();
  // Add, but for a server that is gone, where it is false.
  bool TryAdd();
  void Remove();
  // From then on there is none.
  void AwaitZero();

 private:
  std::mutex mutex_;
  std::condition_variable zero_;
  size_t count_ = 0;  // guarded by mutex_
  bool gone_ = false;
};

}  // namespace sluice::rpc::internal
