// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/live_streams.h"

#include <utility>

#include "common/base/status.h"
#include "services/upload_gateway/upload_stream.h"

namespace sluice::gateway {
namespace {

constexpr std::chrono::seconds kTick{1};

}  // namespace

LiveStreams::LiveStreams(Timers& timers, const ByteBudget& budget) : timers_(timers), budget_(budget) {
  std::lock_guard lock(mutex_);
  alarm_ = timers_.After(kTick, [this] { Tick(); });
}

// The timers' thread may be in Tick; whoever ends this has ended the timers, or sees to it that they stand.
LiveStreams::~LiveStreams() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  timers_.Cancel(alarm_);
}

void LiveStreams::Add(const std::shared_ptr<UploadStream>& stream) {
  std::shared_ptr<UploadStream> older;
  bool drain = false;
  {
    std::lock_guard lock(mutex_);
    auto& place = streams_[stream->identity()];
    older = place.lock();
    place = stream;
    drain = draining_;
  }
  if (older != nullptr && older != stream) older->End(StreamReplaced());
  if (drain) stream->Drain();
}

void LiveStreams::Remove(const UploadStream& stream) {
  absl::AnyInvocable<void()> drained;
  {
    std::lock_guard lock(mutex_);
    const auto found = streams_.find(stream.identity());
    if (found == streams_.end()) return;
    const auto there = found->second.lock();
    if (there != nullptr && there.get() != &stream) return;
    streams_.erase(found);
    if (draining_ && streams_.empty()) drained = std::exchange(drained_, nullptr);
  }
  if (drained) drained();
}

void LiveStreams::TakeOver(const std::string& identity, absl::AnyInvocable<void()> done) {
  if (const auto stream = Find(identity)) return stream->Yield(std::move(done));
  done();
}

void LiveStreams::AwaitLeft(const std::string& identity, absl::AnyInvocable<void()> done) {
  if (const auto stream = Find(identity)) return stream->AwaitLeft(std::move(done));
  done();
}

void LiveStreams::EndUpload(const std::string& identity, const absl::Status& why) {
  if (const auto stream = Find(identity)) stream->End(why);
}

void LiveStreams::Drain(absl::AnyInvocable<void()> done) {
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    if (!streams_.empty()) drained_ = std::exchange(done, nullptr);
  }
  if (done) return done();
  for (const auto& stream : All()) stream->Drain();
}

bool LiveStreams::draining() const {
  std::lock_guard lock(mutex_);
  return draining_;
}

size_t LiveStreams::size() const {
  std::lock_guard lock(mutex_);
  return streams_.size();
}

std::shared_ptr<UploadStream> LiveStreams::Find(const std::string& identity) const {
  std::lock_guard lock(mutex_);
  const auto found = streams_.find(identity);
  return found == streams_.end() ? nullptr : found->second.lock();
}

std::vector<std::shared_ptr<UploadStream>> LiveStreams::All() const {
  std::vector<std::shared_ptr<UploadStream>> out;
  std::lock_guard lock(mutex_);
  for (const auto& [identity, weak] : streams_) {
    if (auto stream = weak.lock()) out.push_back(std::move(stream));
  }
  return out;
}

void LiveStreams::Tick() {
  if (budget_.waiting() > 0) {
    for (const auto& stream : All()) stream->GiveWay();
  }
  std::lock_guard lock(mutex_);
  if (!ended_) alarm_ = timers_.After(kTick, [this] { Tick(); });
}

}  // namespace sluice::gateway
