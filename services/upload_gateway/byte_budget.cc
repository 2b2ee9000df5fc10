// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/byte_budget.h"

#include <algorithm>

namespace sluice::gateway {

void ByteBudget::Lease::ShrinkTo(uint64_t bytes) {
  if (bytes >= bytes_) return;
  const uint64_t given = bytes_ - bytes;
  bytes_ = bytes;
  budget_->Give(given);
}

void ByteBudget::Lease::GrowTo(uint64_t bytes) {
  if (bytes <= bytes_) return;
  std::lock_guard lock(budget_->mutex_);
  budget_->held_ += bytes - bytes_;
  bytes_ = bytes;
}

void ByteBudget::Lease::Join(Lease other) {
  if (budget_ == nullptr) budget_ = other.budget_;
  bytes_ += std::exchange(other.bytes_, 0);
}

ByteBudget::Lease ByteBudget::Lease::Split(uint64_t bytes) {
  const uint64_t given = std::min(bytes, bytes_);
  bytes_ -= given;
  return Lease(budget_, given);
}

ByteBudget::Ticket ByteBudget::Take(uint64_t bytes, Granted granted) {
  bytes = std::min(bytes, bytes_);
  {
    std::lock_guard lock(mutex_);
    if (!line_.empty() || held_ + bytes > bytes_) {
      line_.push_back({++last_, bytes, std::move(granted), timers_.Now()});
      return last_;
    }
    held_ += bytes;
  }
  granted(Lease(this, bytes));
  return 0;
}

bool ByteBudget::Withdraw(Ticket ticket) {
  std::list<Request> gone;
  std::list<Request> ready;
  {
    std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(line_.begin(), line_.end(), [&](const Request& one) { return one.ticket == ticket; });
    if (found == line_.end()) return false;
    gone.splice(gone.begin(), line_, found);
    ready = ReadyLocked();
  }
  Grant(std::move(ready));
  return true;
}

void ByteBudget::Give(uint64_t bytes) {
  std::list<Request> ready;
  {
    std::lock_guard lock(mutex_);
    held_ -= bytes;
    ready = ReadyLocked();
  }
  Grant(std::move(ready));
}

std::list<ByteBudget::Request> ByteBudget::ReadyLocked() {
  std::list<Request> out;
  while (!line_.empty() && held_ + line_.front().bytes <= bytes_) {
    held_ += line_.front().bytes;
    out.splice(out.end(), line_, line_.begin());
  }
  return out;
}

void ByteBudget::Grant(std::list<Request> ready) {
  for (Request& one : ready) one.granted(Lease(this, one.bytes));
}

uint64_t ByteBudget::held() const {
  std::lock_guard lock(mutex_);
  return held_;
}

size_t ByteBudget::waiting() const {
  std::lock_guard lock(mutex_);
  return line_.size();
}

Timers::SteadyTime::duration ByteBudget::longest_wait() const {
  std::lock_guard lock(mutex_);
  return line_.empty() ? Timers::SteadyTime::duration(0) : timers_.Now() - line_.front().since;
}

}  // namespace sluice::gateway
