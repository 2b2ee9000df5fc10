// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/call_queue.h"

namespace sluice::rpc::internal {

void Queue::Wait(Waiting& call) {
  Waiting* oldest = nullptr;
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back({&call, std::chrono::steady_clock::now()});
    if (waiting_.size() > kMostWaiting) {
      oldest = waiting_.front().call;
      waiting_.pop_front();
    }
    waiting_count_ = waiting_.size();
  }
  if (oldest != nullptr) oldest->TurnAway();
}

void Queue::Run() {
  // However much arrives, those who wait have a turn among so many.
  constexpr int kInARow = 32;
  // Not to wait for anything; the present would be rounded up to the next millisecond.
  constexpr std::chrono::system_clock::time_point kLongAgo;
  void* tag = nullptr;
  bool ok = false;
  for (int in_a_row = 0;;) {
    if (waiting_count_ == 0) {
      if (!queue_->Next(&tag, &ok)) return;
      static_cast<Tag*>(tag)->Proceed(ok);
      continue;
    }
    if (++in_a_row < kInARow && queue_->AsyncNext(&tag, &ok, kLongAgo) == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<Tag*>(tag)->Proceed(ok);
      continue;
    }
    in_a_row = 0;
    ServeOldest();
  }
}

void Queue::ServeOldest() {
  Place oldest{};
  {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;  // another thread has it
    oldest = waiting_.front();
    waiting_.pop_front();
    waiting_count_ = waiting_.size();
  }
  if (std::chrono::steady_clock::now() - oldest.since > most_wait_) {
    oldest.call->TurnAway();
  } else {
    oldest.call->Work();
  }
}

void CallCount::Add() {
  std::lock_guard lock(mutex_);
  ++count_;
}

bool CallCount::TryAdd() {
  std::lock_guard lock(mutex_);
  if (gone_) return false;
  ++count_;
  return true;
}

void CallCount::Remove() {
  std::lock_guard lock(mutex_);
  if (--count_ == 0) zero_.notify_all();
}

void CallCount::AwaitZero() {
  std::unique_lock lock(mutex_);
  zero_.wait(lock, [&] { return count_ == 0; });
  gone_ = true;
}

}  // namespace sluice::rpc::internal
