// SPDX-License-Identifier: Apache-2.0
#include "common/base/file_watcher.h"

#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "common/base/file.h"

namespace sluice {

struct FileWatcher::State {
  struct File {
    std::string path;
    std::string text;
    absl::AnyInvocable<void(std::string)> changed;
    absl::AnyInvocable<void()> unreadable;
    bool readable = true;
  };

  void Run(std::chrono::milliseconds interval) {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, interval, [&] { return ending; })) {
      // Elements of a list stay where they are, and only this thread looks into them.
      std::list<File>::iterator end = files.end();
      for (auto at = files.begin(); at != end && !ending; ++at) {
        lock.unlock();
        Look(*at);
        lock.lock();
      }
    }
  }

  static void Look(File& file) {
    auto text = ReadFile(file.path);
    if (!text) {
      if (std::exchange(file.readable, false)) file.unreadable();
      return;
    }
    file.readable = true;
    if (*text == file.text) return;
    file.text = *text;
    file.changed(*std::move(text));
  }

  std::mutex mutex;
  std::condition_variable wake;
  std::list<File> files;  // guarded by mutex, as is ending
  bool ending = false;
  std::thread thread;
};

FileWatcher::FileWatcher(std::chrono::milliseconds interval) : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get(), interval] { state->Run(interval); });
}

FileWatcher::~FileWatcher() { Stop(); }

void FileWatcher::Watch(std::string path, std::string known, absl::AnyInvocable<void(std::string)> changed,
                        absl::AnyInvocable<void()> unreadable) {
  std::lock_guard lock(state_->mutex);
  state_->files.push_back({std::move(path), std::move(known), std::move(changed), std::move(unreadable)});
}

void FileWatcher::Stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace sluice
