// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/aliyun/object_store.h"
#include "common/http/message.h"

// What OSS answers to the requests that make an object, and what CompleteMultipartUpload is sent. Pure. Each
// reader takes any answer: one that is no success is an error of OssError, and a success that says not what
// it must is `UNAVAILABLE` `OSS_ANSWER_INVALID`. Only 200 is success: OSS says 203 where a callback failed,
// and proxies say anything. Hostile bodies are refused, never followed: no document type, bounded sizes.
namespace sluice::aliyun {

// The id of the multipart upload that began.
absl::StatusOr<std::string> ReadInitiated(const http::Response& response);

// Of PutObject and UploadPart: ETag and CRC, where OSS gives one. Without an ETag it is no answer of OSS.
absl::StatusOr<ObjectInfo> ReadStored(const http::Response& response);

// One page of ListParts.
struct PartsPage {
  struct Part {
    uint32_t number = 0;
    uint64_t bytes = 0;
    // Without quotes.
    std::string etag;
    std::optional<uint64_t> crc64;
  };
  std::vector<Part> parts;
  // The marker of the next page; absent on the last.
  std::optional<uint32_t> next;
};
absl::StatusOr<PartsPage> ReadPartsPage(const http::Response& response);

// The body that names the parts of an object, in the order given, which must be ascending.
std::string CompleteBody(const std::vector<PartInfo>& parts);
// ETag and, where OSS gives one, the CRC of the whole. An error can come behind a 200 that was sent ahead of
// the work.
absl::StatusOr<ObjectInfo> ReadCompleted(const http::Response& response);

// What a HEAD says of an object.
struct ObjectFacts {
  ObjectInfo info;
  // `x-oss-meta-*`, names in lower case without the prefix.
  std::map<std::string, std::string> metadata;
  // Empty where the bucket keeps no versions.
  std::string version_id;
};
absl::StatusOr<ObjectFacts> ReadFacts(const http::Response& response);

// ETag, CRC, length and type as the headers say them; absent ones are empty.
ObjectInfo ReadInfo(const http::Response& response);
// Of PutObject, CompleteMultipartUpload and HEAD; empty where the bucket keeps no versions.
std::string VersionOf(const http::Response& response);

}  // namespace sluice::aliyun
