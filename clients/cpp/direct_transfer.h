// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/aliyun/object_store.h"
#include "common/base/cancel.h"

namespace sluice::client {

struct TransferOptions {
  aliyun::PutOptions put;
  // Objects up to this many bytes are one PutObject; beyond, parts of at least this size, at most 10,000.
  uint64_t part_bytes = 8 * 1024 * 1024;
  // Parts under way at a time.
  int parallel = 4;
  // Attempts for one request, and the pause before the second; it doubles, with jitter.
  int attempts = 4;
  std::chrono::milliseconds pause{500};
  // Longest life of one request.
  std::chrono::milliseconds request_timeout{300000};
  // Bytes that OSS has confirmed, and all there are. One call at a time; other parts wait
  // for it, so it must be quick.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

// Whether UploadFile would take a multipart upload, which needs RESUME to be aborted when it fails.
bool IsMultipart(uint64_t size, const TransferOptions& options);

// Puts a file into a store and compares CRC-64 end to end: of each part, and of the whole object as OSS gives
// it. Blocks. Errors: those of the store after retries of what waiting may mend; `FILE_UNREADABLE`,
// `FILE_CHANGED`; `DATA_LOSS` `CRC_MISMATCH`; `CANCELLED` `CALL_CANCELLED`. A multipart upload that fails is
// aborted, as far as the credentials allow.
absl::StatusOr<aliyun::ObjectInfo> UploadFile(aliyun::ObjectStore& store, const std::string& path,
                                              const std::string& key, const TransferOptions& options,
                                              CancelToken cancel);

// Gets an object into a file: under its own name only when complete and its CRC-64 was compared. Replaces
// what is there. Blocks. `FILE_UNWRITABLE`, and errors as above.
absl::StatusOr<aliyun::ObjectInfo> DownloadFile(aliyun::ObjectStore& store, const std::string& key,
                                                const std::string& path, const TransferOptions& options,
                                                CancelToken cancel);

}  // namespace sluice::client
