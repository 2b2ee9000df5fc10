// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/crypto/digest.h"
#include "common/http/message.h"
#include "services/sandbox/fault.h"
#include "services/sandbox/tags.h"

namespace sluice::sandbox {

// The bytes of an object or part, held once and shared by everybody who reads them. Unchanging.
struct Content {
  // Shared, so that a completed upload refers to the bytes of its parts.
  std::vector<std::shared_ptr<const std::string>> pieces;
  uint64_t size = 0;
  uint64_t crc64 = 0;
  // 16 raw bytes.
  std::string md5;
};
using ContentPtr = std::shared_ptr<const Content>;

// Gathers a body as it arrives, with its sums.
class ContentWriter {
 public:
  void Add(std::string_view piece);
  ContentPtr Finish();

 private:
  std::shared_ptr<Content> content_ = std::make_shared<Content>();
  crypto::Md5Digest md5_;
};

// `first` is an offset, `count` bytes from there.
std::shared_ptr<http::BodySource> ReadContent(ContentPtr content, uint64_t first, uint64_t count);

struct Object {
  ContentPtr content;
  // Without quotes, upper case.
  std::string etag;
  std::string type = "Normal";
  Time modified;
  // Content-Type, Cache-Control and so on, and x-oss-meta-*.
  http::Headers headers;
  Tags tags;
};

struct Part {
  ContentPtr content;
  std::string etag;
  Time modified;
};

struct Upload {
  std::string bucket;
  std::string key;
  http::Headers headers;
  Tags tags;
  std::map<int, Part> parts;
  Time initiated;
};

// Objects and unfinished uploads, in memory. Thread-safe.
class ObjectShelf {
 public:
  // False when `forbid_overwrite` and there is one already.
  bool Put(const std::string& bucket, const std::string& key, Object object, bool forbid_overwrite);
  std::optional<Object> Get(const std::string& bucket, const std::string& key) const;
  void Delete(const std::string& bucket, const std::string& key);
  // False when there is no such object.
  bool SetTags(const std::string& bucket, const std::string& key, Tags tags);
  // Keys after `after` that start with `prefix`, by bytes.
  std::vector<std::pair<std::string, Object>> List(const std::string& bucket, const std::string& prefix,
                                                   const std::string& after) const;

  std::string BeginUpload(Upload upload);
  bool PutPart(const std::string& id, const std::string& bucket, const std::string& key, int number,
               Part part);
  std::optional<Upload> FindUpload(const std::string& id, const std::string& bucket,
                                   const std::string& key) const;
  // Ends the upload and puts its object in one step, so that of two at the same moment one succeeds.
  enum class Completion { kDone, kNoSuchUpload, kObjectExists };
  Completion CompleteUpload(const std::string& id, const std::string& bucket, const std::string& key,
                            Object object, bool forbid_overwrite);
  bool EndUpload(const std::string& id, const std::string& bucket, const std::string& key);
  // Unfinished uploads of a bucket, by key and then by id; the shelf's own.
  std::vector<std::pair<std::string, Upload>> ListUploads(const std::string& bucket) const;
  struct Sizes {
    size_t objects = 0;
    size_t uploads = 0;
  };
  Sizes sizes() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Object> objects_;  // guarded by mutex_
  std::map<std::string, Upload> uploads_;                          // guarded by mutex_
};

}  // namespace sluice::sandbox
