// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/direct_transfer.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "clients/cpp/file_body.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/crc64.h"

namespace sluice::client {
namespace {

using aliyun::ObjectInfo;
using aliyun::ObjectStore;
using aliyun::PartInfo;

constexpr uint64_t kMostParts = 10000;
constexpr uint64_t kMiB = 1024 * 1024;

Failure Mismatch(const std::string& what) {
  return Fail(absl::StatusCode::kDataLoss, "CRC_MISMATCH",
              "OSS holds other bytes than were sent (" + what + "); upload again");
}
Failure Cancelled() {
  return Fail(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the transfer was cancelled");
}

bool MayMend(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsDeadlineExceeded(status);
}

uint64_t PartBytes(uint64_t size, const TransferOptions& options) {
  const uint64_t least = (size + kMostParts - 1) / kMostParts;
  return std::max(options.part_bytes, (least + kMiB - 1) / kMiB * kMiB);
}

// Something that sleeps until its time or until it is cancelled.
class Pause {
 public:
  explicit Pause(const CancelToken& cancel) {
    cancel.OnCancel([shared = shared_] {
      std::lock_guard lock(shared->mutex);
      shared->cancelled = true;
      shared->changed.notify_all();
    });
  }
  // False when cancelled.
  bool For(std::chrono::milliseconds span) {
    std::unique_lock lock(shared_->mutex);
    return !shared_->changed.wait_for(lock, span, [&] { return shared_->cancelled; });
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool cancelled = false;  // guarded by mutex
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

// Calls `start` with a callback and waits; again while waiting may mend it.
template <typename T>
absl::StatusOr<T> WithRetries(const TransferOptions& options, Pause& pause,
                              const std::function<void(ObjectStore::Done<T>)>& start) {
  std::minstd_rand random(std::random_device{}());
  for (int attempt = 1;; ++attempt) {
    std::promise<absl::StatusOr<T>> answer;
    start([&](absl::StatusOr<T> result) { answer.set_value(std::move(result)); });
    absl::StatusOr<T> result = answer.get_future().get();
    if (result.ok() || attempt >= options.attempts || !MayMend(result.status())) return result;
    const auto longest = options.pause * (1 << (attempt - 1));
    const auto half = longest.count() / 2;
    const auto span =
        std::chrono::milliseconds(half + static_cast<int64_t>(random() % static_cast<uint64_t>(half + 1)));
    if (!pause.For(span)) return Cancelled();
  }
}

// One multipart upload of one file.
class Multipart {
 public:
  Multipart(ObjectStore& store, std::shared_ptr<SourceFile> file, std::string key,
            const TransferOptions& options, CancelToken cancel)
      : store_(store),
        file_(std::move(file)),
        key_(std::move(key)),
        options_(options),
        cancel_(std::move(cancel)),
        part_bytes_(PartBytes(file_->size(), options)),
        count_(static_cast<int>((file_->size() + part_bytes_ - 1) / part_bytes_)) {
    cancel_.OnCancel([stop = stop_] { stop->Cancel(); });
  }

  absl::StatusOr<ObjectInfo> Run() {
    Pause pause(stop_->token());
    ASSIGN_OR_RETURN(id_, WithRetries<std::string>(options_, pause, [&](auto done) {
                       store_.Initiate(key_, options_.put, Limit(), stop_->token(), std::move(done));
                     }));
    std::vector<std::thread> workers;
    for (int i = 0; i < std::min(options_.parallel, count_); ++i) workers.emplace_back([this] { Work(); });
    for (auto& worker : workers) worker.join();
    absl::StatusOr<ObjectInfo> out = first_error_.ok() ? Finish(pause) : first_error_;
    if (!out.ok()) Abandon();
    if (!out.ok() && cancel_.cancelled()) return Cancelled();
    return out;
  }

 private:
  Deadline Limit() const { return Deadline::After(options_.request_timeout); }
  uint64_t SizeOf(int number) const {
    const uint64_t first = static_cast<uint64_t>(number - 1) * part_bytes_;
    return std::min(part_bytes_, file_->size() - first);
  }

  // Takes parts until none is left or one has failed.
  void Work() {
    Pause pause(stop_->token());
    for (;;) {
      int number = 0;
      {
        std::lock_guard lock(mutex_);
        if (!first_error_.ok() || next_ > count_) return;
        number = next_++;
      }
      absl::Status sent = Send(number, pause);
      std::lock_guard lock(mutex_);
      if (!sent.ok()) {
        if (first_error_.ok()) first_error_ = std::move(sent);
        stop_->Cancel();
        return;
      }
      confirmed_ += SizeOf(number);
      if (options_.progress) options_.progress(confirmed_, file_->size());
    }
  }

  absl::Status Send(int number, Pause& pause) {
    const uint64_t first = static_cast<uint64_t>(number - 1) * part_bytes_;
    std::shared_ptr<SourceFile::Body> body;
    auto sent = WithRetries<PartInfo>(options_, pause, [&](auto done) {
      body = SourceFile::Part(file_, first, SizeOf(number));
      store_.PutPart(key_, id_, number, body, Limit(), stop_->token(), std::move(done));
    });
    if (!sent.ok()) return sent.status();
    if (sent->crc64 && *sent->crc64 != body->crc64()) return Mismatch("part " + std::to_string(number));
    std::lock_guard lock(mutex_);
    crcs_[number] = body->crc64();
    parts_[number] = *std::move(sent);
    return absl::OkStatus();
  }

  absl::StatusOr<ObjectInfo> Finish(Pause& pause) {
    std::vector<PartInfo> parts;
    uint64_t crc = 0;
    for (int number = 1; number <= count_; ++number) {
      parts.push_back(parts_[number]);
      crc = number == 1 ? crcs_[number] : crypto::CombineCrc64(crc, crcs_[number], SizeOf(number));
    }
    ASSIGN_OR_RETURN(ObjectInfo info, WithRetries<ObjectInfo>(options_, pause, [&](auto done) {
                       store_.Complete(key_, id_, parts, Limit(), stop_->token(), std::move(done));
                     }));
    if (info.crc64 && *info.crc64 != crc) return Mismatch("the whole object");
    info.size = file_->size();
    info.content_type = options_.put.content_type;
    return info;
  }

  void Abandon() {
    std::promise<void> ended;
    // Its own short life: the upload's may be over. Whoever has no right to abort leaves it to the bucket's
    // rule.
    store_.Abort(key_, id_, Deadline::After(std::chrono::seconds(5)), CancelToken(),
                 [&](const absl::Status&) { ended.set_value(); });
    ended.get_future().wait();
  }

  ObjectStore& store_;
  const std::shared_ptr<SourceFile> file_;
  const std::string key_;
  const TransferOptions& options_;
  const CancelToken cancel_;
  const std::shared_ptr<CancelSource> stop_ = std::make_shared<CancelSource>();
  const uint64_t part_bytes_;
  const int count_;
  std::string id_;
  std::mutex mutex_;
  absl::Status first_error_;  // guarded by mutex_, as all below
  int next_ = 1;
  uint64_t confirmed_ = 0;
  std::map<int, PartInfo> parts_;
  std::map<int, uint64_t> crcs_;
};

}  // namespace

bool IsMultipart(uint64_t size, const TransferOptions& options) { return size > options.part_bytes; }

absl::StatusOr<ObjectInfo> UploadFile(ObjectStore& store, const std::string& path, const std::string& key,
                                      const TransferOptions& options, CancelToken cancel) {
  ASSIGN_OR_RETURN(const auto file, SourceFile::Open(path));
  if (IsMultipart(file->size(), options))
    return Multipart(store, file, key, options, std::move(cancel)).Run();
  Pause pause(cancel);
  std::shared_ptr<SourceFile::Body> body;
  ASSIGN_OR_RETURN(ObjectInfo info, WithRetries<ObjectInfo>(options, pause, [&](auto done) {
                     body = SourceFile::Part(file, 0, file->size());
                     store.Put(key, body, options.put, Deadline::After(options.request_timeout), cancel,
                               std::move(done));
                   }));
  if (info.crc64 && *info.crc64 != body->crc64()) return Mismatch("the whole object");
  if (options.progress) options.progress(file->size(), file->size());
  return info;
}

absl::StatusOr<ObjectInfo> DownloadFile(ObjectStore& store, const std::string& key, const std::string& path,
                                        const TransferOptions& options, CancelToken cancel) {
  Pause pause(cancel);
  std::shared_ptr<TargetFile> target;
  ASSIGN_OR_RETURN(
      ObjectInfo info, WithRetries<ObjectInfo>(options, pause, [&](ObjectStore::Done<ObjectInfo> done) {
        auto fresh = TargetFile::Create(path);  // another attempt begins anew
        if (!fresh.ok()) return done(fresh.status());
        target = *std::move(fresh);
        store.Get(key, target, Deadline::After(options.request_timeout), cancel, std::move(done));
      }));
  if (info.crc64 && *info.crc64 != target->crc64()) {
    return Fail(absl::StatusCode::kDataLoss, "CRC_MISMATCH",
                "other bytes came than OSS holds; download again");
  }
  info.size = target->size();
  RETURN_IF_ERROR(target->Commit());
  if (options.progress) options.progress(info.size, info.size);
  return info;
}

}  // namespace sluice::client
