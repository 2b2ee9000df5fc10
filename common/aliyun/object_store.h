// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/http/message.h"

namespace sluice::aliyun {

struct ObjectInfo {
  uint64_t size = 0;
  // Without quotes.
  std::string etag;
  // Of the whole object, as OSS computed it; absent where OSS gives none.
  std::optional<uint64_t> crc64;
  std::string content_type;
};

struct PutOptions {
  std::string content_type = "application/octet-stream";
  bool forbid_overwrite = false;
};

struct PartInfo {
  // 1 to 10,000.
  int number = 0;
  std::string etag;
  std::optional<uint64_t> crc64;
};

// Objects of one bucket. Thread-safe. Every method calls `done` exactly once, on a thread that must not be
// blocked; errors are those of OssError and http::Client. A body source is used for one attempt.
class ObjectStore {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  virtual ~ObjectStore() = default;

  virtual void Put(const std::string& key, std::shared_ptr<http::BodySource> body, const PutOptions& options,
                   Deadline deadline, CancelToken cancel, Done<ObjectInfo> done) = 0;
  // The body goes to `sink`; an error of the sink ends the call.
  virtual void Get(const std::string& key, std::shared_ptr<http::BodySink> sink, Deadline deadline,
                   CancelToken cancel, Done<ObjectInfo> done) = 0;
  // Begins a multipart upload and gives its id.
  virtual void Initiate(const std::string& key, const PutOptions& options, Deadline deadline,
                        CancelToken cancel, Done<std::string> done) = 0;
  virtual void PutPart(const std::string& key, const std::string& upload_id, int number,
                       std::shared_ptr<http::BodySource> body, Deadline deadline, CancelToken cancel,
                       Done<PartInfo> done) = 0;
  // `parts` in ascending order of their numbers.
  virtual void Complete(const std::string& key, const std::string& upload_id,
                        const std::vector<PartInfo>& parts, Deadline deadline, CancelToken cancel,
                        Done<ObjectInfo> done) = 0;
  virtual void Abort(const std::string& key, const std::string& upload_id, Deadline deadline,
                     CancelToken cancel, absl::AnyInvocable<void(absl::Status)> done) = 0;
};

}  // namespace sluice::aliyun
