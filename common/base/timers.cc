// SPDX-License-Identifier: Apache-2.0
#include "common/base/timers.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

namespace sluice {

struct ThreadTimers::State {
  using Key = std::pair<SteadyTime, Id>;

  void Run() {
    std::unique_lock lock(mutex);
    while (!ending) {
      if (alarms.empty()) {
        changed.wait(lock);
        continue;
      }
      const auto first = alarms.begin();
      if (const SteadyTime at = first->first.first; std::chrono::steady_clock::now() < at) {
        changed.wait_until(lock, at);
        continue;
      }
      auto then = std::move(first->second);
      times.erase(first->first.second);
      alarms.erase(first);
      lock.unlock();
      then();
      then = nullptr;  // what it holds may end with a lock of its own
      lock.lock();
    }
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<Key, absl::AnyInvocable<void()>> alarms;  // guarded by mutex, as all below
  std::unordered_map<Id, SteadyTime> times;
  Id last_id = 0;
  bool ending = false;
  std::thread thread;
};

ThreadTimers::ThreadTimers() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

ThreadTimers::~ThreadTimers() {
  {
    std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

Timers::Id ThreadTimers::At(SteadyTime at, absl::AnyInvocable<void()> then) {
  bool first = false;
  Id id = 0;
  {
    std::lock_guard lock(state_->mutex);
    id = ++state_->last_id;
    // Two statements: within one, a compiler may ask for begin() before there is what it should be.
    const auto put = state_->alarms.emplace(State::Key{at, id}, std::move(then)).first;
    first = put == state_->alarms.begin();
    state_->times.emplace(id, at);
  }
  if (first) state_->changed.notify_all();
  return id;
}

bool ThreadTimers::Cancel(Id id) {
  absl::AnyInvocable<void()> dropped;  // destroyed outside the lock
  std::lock_guard lock(state_->mutex);
  const auto time = state_->times.find(id);
  if (time == state_->times.end()) return false;
  const auto alarm = state_->alarms.find({time->second, id});
  dropped = std::move(alarm->second);
  state_->alarms.erase(alarm);
  state_->times.erase(time);
  return true;
}

}  // namespace sluice
