// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/known_uploads.h"

#include <vector>

namespace sluice::gateway {
namespace {

constexpr std::chrono::seconds kTick{10};

}  // namespace

KnownUploads::KnownUploads(Timers& timers, const Clock& clock) : timers_(timers), clock_(clock) {
  std::lock_guard lock(mutex_);
  alarm_ = timers_.After(kTick, [this] { Tick(); });
}

KnownUploads::~KnownUploads() { End(); }

void KnownUploads::End() {
  std::map<std::string, std::shared_ptr<OssUpload>> gone;  // ends outside the lock
  std::lock_guard lock(mutex_);
  ended_ = true;
  timers_.Cancel(alarm_);
  gone.swap(uploads_);
}

void KnownUploads::Add(const std::shared_ptr<OssUpload>& upload) {
  const std::string& id = upload->upload().oss_upload_id();
  if (id.empty()) return;
  std::lock_guard lock(mutex_);
  if (!ended_ && uploads_.size() < kMost) uploads_[id] = upload;
}

void KnownUploads::Remove(const SealedUpload& upload) {
  std::lock_guard lock(mutex_);
  uploads_.erase(upload.oss_upload_id());
}

size_t KnownUploads::size() const {
  std::lock_guard lock(mutex_);
  return uploads_.size();
}

void KnownUploads::Tick() {
  std::vector<std::shared_ptr<OssUpload>> expired;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(uploads_, [&](auto& one) {
      const bool over = clock_.Now() >= Time(std::chrono::seconds(one.second->upload().expires()));
      if (over) expired.push_back(std::move(one.second));
      return over;
    });
    if (!ended_) alarm_ = timers_.After(kTick, [this] { Tick(); });
  }
  for (const auto& upload : expired) upload->Abort([](const absl::Status&) {});
}

}  // namespace sluice::gateway
