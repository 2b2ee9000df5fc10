// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "common/base/timers.h"
#include "services/upload_gateway/byte_budget.h"

namespace sluice::gateway {

class UploadStream;

// The streams of this replica, one for each upload: of two the newer stays. Looks once a second whether some
// keep others waiting for room. Thread-safe.
class LiveStreams {
 public:
  // Both must outlive it.
  LiveStreams(Timers& timers, const ByteBudget& budget);
  ~LiveStreams();

  // Ends another stream of the same upload with `STREAM_REPLACED`. Once the drain has begun it drains this
  // one too.
  void Add(const std::shared_ptr<UploadStream>& stream);
  void Remove(const UploadStream& stream);
  // Before a newer stream looks how far the upload is: `done` when the one that is here has let go, within a
  // second; at once where there is none.
  void TakeOver(const std::string& identity, absl::AnyInvocable<void()> done);
  // Before somebody is told how far the upload is: `done` when a stream whose client is gone has stored what
  // it could, or within a second; at once where there is none, or its client is still there.
  void AwaitLeft(const std::string& identity, absl::AnyInvocable<void()> done);
  // The upload was aborted: its stream here, if there is one, ends.
  void EndUpload(const std::string& identity, const absl::Status& why);

  // Every stream stores what it can and sends its client elsewhere. `done` once, when none is left; at once
  // where there is none. Call it once.
  void Drain(absl::AnyInvocable<void()> done);
  bool draining() const;
  size_t size() const;

 private:
  void Tick();
  std::shared_ptr<UploadStream> Find(const std::string& identity) const;
  std::vector<std::shared_ptr<UploadStream>> All() const;

  Timers& timers_;
  const ByteBudget& budget_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<UploadStream>> streams_;  // guarded by mutex_, as all below
  bool draining_ = false;
  bool ended_ = false;
  absl::AnyInvocable<void()> drained_;
  Timers::Id alarm_ = 0;
};

}  // namespace sluice::gateway
