// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/line_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "common/base/status.h"

namespace sluice::telemetry {
namespace {

constexpr size_t kMostWaiting = 4096;

// How long lines gather before they are written together.
constexpr std::chrono::milliseconds kLinger{2};
constexpr std::chrono::milliseconds kRetry{200};
class FileLines final : public LineSink {
 public:
  FileLines(int fd, bool owned) : fd_(fd), owned_(owned), writer_([this] { Write(); }) {}
  ~FileLines() override {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    writer_.join();
    if (owned_) close(fd_);
  }

  absl::Status Accept(std::string_view head, std::string_view tail) override {
    bool first = false;
    {
      std::lock_guard lock(mutex_);
      if (failing_ || lines_ >= kMostWaiting) {
        return Fail(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE",
                    "the audit cannot be written, so nothing is issued; try again")
            .RetryAfter(std::chrono::seconds(1));
      }
      first = lines_++ == 0;
      waiting_ += head;
      waiting_ += tail;
      waiting_ += '\n';
    }
    if (first) changed_.notify_all();
    return absl::OkStatus();
  }

 private:
  void Write() {
    std::string batch;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ending_ || lines_ > 0; });
      if (lines_ == 0) return;
      // The first line of a burst woke this thread; the others come with it, rather than each with a wake-up.
      changed_.wait_for(lock, kLinger, [&] { return ending_; });
      batch.swap(waiting_);
      waiting_.clear();
      lines_ = 0;
      lock.unlock();
      batch.erase(0, WriteSome(batch));
      lock.lock();
      failing_ = !batch.empty();
      if (!failing_) continue;
      // What is left keeps its place; a disk may have room again later.
      batch += waiting_;
      waiting_.swap(batch);
      batch.clear();
      lines_ = static_cast<size_t>(std::count(waiting_.begin(), waiting_.end(), '\n'));
      if (ending_) return;
      changed_.wait_for(lock, kRetry, [&] { return ending_; });
    }
  }

  size_t WriteSome(const std::string& text) const {
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t wrote = write(fd_, text.data() + done, text.size() - done);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) break;
      done += static_cast<size_t>(wrote);
    }
    return done;
  }

  const int fd_;
  const bool owned_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;  // whole lines; guarded by mutex_, as all below
  size_t lines_ = 0;     // in waiting_
  bool failing_ = false;
  bool ending_ = false;
  std::thread writer_;  // last, so that it starts when the rest exists
};

}  // namespace

absl::StatusOr<std::unique_ptr<LineSink>> OpenAuditFile(const std::string& path) {
  if (path.empty()) return std::make_unique<FileLines>(STDOUT_FILENO, false);
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Fail(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID",
                "audit.file: cannot append to " + path + ": " + std::strerror(errno));
  }
  return std::make_unique<FileLines>(fd, true);
}

}  // namespace sluice::telemetry
