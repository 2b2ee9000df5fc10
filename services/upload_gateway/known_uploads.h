// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/clock.h"
#include "common/base/timers.h"
#include "services/upload_gateway/oss_upload.h"

namespace sluice::gateway {

// Multipart uploads that this replica has seen and nobody has finished here: their parts are freed when they
// expire. At most 100,000; what is beyond, and what a replica takes with it, is for the bucket's lifecycle
// rule. Freeing an upload that another replica has finished does nothing. Thread-safe.
class KnownUploads {
 public:
  static constexpr size_t kMost = 100'000;

  // Both must outlive it.
  KnownUploads(Timers& timers, const Clock& clock);
  ~KnownUploads();

  void Add(const std::shared_ptr<OssUpload>& upload);
  // It was finished, or freed.
  void Remove(const SealedUpload& upload);
  // Forgets all, and takes none any more.
  void End();
  size_t size() const;

 private:
  void Tick();

  Timers& timers_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<OssUpload>> uploads_;  // guarded by mutex_, as all below; by OSS's id
  bool ended_ = false;
  Timers::Id alarm_ = 0;
};

}  // namespace sluice::gateway
