// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "common/base/timers.h"

namespace sluice::gateway {

// The bytes that all streams of this process may hold together. Who asks waits in line, so that a large
// request is not passed over for ever by small ones. Thread-safe; never blocks.
class ByteBudget {
 public:
  // Bytes that are held, until it ends or is shrunk. Movable. Not thread-safe.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Lease() { ShrinkTo(0); }

    uint64_t bytes() const { return bytes_; }
    void ShrinkTo(uint64_t bytes);
    // Whatever is left: for bytes that are here already.
    void GrowTo(uint64_t bytes);
    // Takes over what `other` holds.
    void Join(Lease other);
    // Gives away `bytes` of it, or all.
    Lease Split(uint64_t bytes);

   private:
    friend class ByteBudget;
    Lease(ByteBudget* budget, uint64_t bytes) : budget_(budget), bytes_(bytes) {}
    ByteBudget* budget_ = nullptr;
    uint64_t bytes_ = 0;
  };
  using Granted = absl::AnyInvocable<void(Lease)>;
  // Names a request that waits.
  using Ticket = uint64_t;

  // `timers` must outlive it, as it must outlive its leases. At least 1 byte.
  ByteBudget(uint64_t bytes, const Timers& timers) : bytes_(bytes), timers_(timers) {}

  // Calls `granted` once `bytes` are free and nobody who asked before waits: at once, on this thread, and
  // then the answer is 0; else on the thread that frees them. More than the whole budget counts as all of it.
  Ticket Take(uint64_t bytes, Granted granted);
  // Whether the request still waited; then `granted` is never called.
  bool Withdraw(Ticket ticket);

  uint64_t size() const { return bytes_; }
  uint64_t held() const;
  size_t waiting() const;
  // How long the first in line has waited; zero where nobody does.
  Timers::SteadyTime::duration longest_wait() const;

 private:
  struct Request {
    Ticket ticket;
    uint64_t bytes;
    Granted granted;
    Timers::SteadyTime since;
  };
  void Give(uint64_t bytes);
  // Those whose turn has come.
  std::list<Request> ReadyLocked();
  void Grant(std::list<Request> ready);

  const uint64_t bytes_;
  const Timers& timers_;
  mutable std::mutex mutex_;
  uint64_t held_ = 0;  // guarded by mutex_, as all below; may exceed bytes_ by what GrowTo took
  std::list<Request> line_;
  Ticket last_ = 0;
};

}  // namespace sluice::gateway
