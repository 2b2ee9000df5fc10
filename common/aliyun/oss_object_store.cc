// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_object_store.h"

#include <charconv>
#include <pugixml.hpp>
#include <sstream>

#include "common/aliyun/oss_address.h"
#include "common/aliyun/oss_error.h"
#include "common/base/host.h"
#include "common/base/status.h"
#include "common/crypto/encoding.h"

namespace sluice::aliyun {
namespace {

// The host of `https://host:port`, without the port.
std::string HostOf(std::string_view endpoint) {
  std::string_view host = endpoint.substr(endpoint.find("://") + 3);
  if (host.starts_with('[')) return std::string(host.substr(0, host.find(']') + 1));
  return std::string(host.substr(0, host.find(':')));
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string Unquoted(std::string_view text) {
  std::string out(text);
  std::erase(out, '"');
  return out;
}

ObjectInfo ReadInfo(const http::Response& response) {
  return {Number(http::FindHeader(response.headers, "Content-Length")).value_or(0),
          Unquoted(http::FindHeader(response.headers, "ETag")),
          Number(http::FindHeader(response.headers, "x-oss-hash-crc64ecma")),
          std::string(http::FindHeader(response.headers, "Content-Type"))};
}

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kUnavailable, "OSS_ANSWER_INVALID", what + "; check endpoint and proxies");
}

// The text of one element below the root; empty when the body is not such a document.
std::string Element(const std::string& body, const char* root, const char* name) {
  pugi::xml_document document;
  if (body.find("<!DOCTYPE") != std::string::npos || !document.load_buffer(body.data(), body.size()))
    return {};
  return document.child(root).child_value(name);
}

// Only 200 is success: OSS says 203 where a callback failed, and proxies say anything.
template <typename T>
auto Judge(ObjectStore::Done<T> done, absl::AnyInvocable<absl::StatusOr<T>(const http::Response&)> read) {
  return [done = std::move(done), read = std::move(read)](absl::StatusOr<http::Response> response) mutable {
    if (!response.ok()) return done(response.status());
    if (response->status != 200) return done(OssError(*response));
    done(read(*response));
  };
}

Pairs HeadersOf(const PutOptions& options) {
  Pairs out{{"Content-Type", options.content_type}};
  if (options.forbid_overwrite) out.emplace_back("x-oss-forbid-overwrite", "true");
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OssObjectStore>> OssObjectStore::Make(http::Client& client,
                                                                     OssLocation location,
                                                                     Credentials credentials,
                                                                     const Clock& clock) {
  const bool https = location.endpoint.starts_with("https://");
  const bool http = location.endpoint.starts_with("http://");
  if (!https && !(http && (location.allow_http || IsLoopbackHost(HostOf(location.endpoint))))) {
    return Fail(absl::StatusCode::kInvalidArgument, "ENDPOINT_INVALID",
                "the OSS endpoint must begin with https://; plain http is for this machine alone");
  }
  return std::unique_ptr<OssObjectStore>(
      new OssObjectStore(client, std::move(location), std::move(credentials), clock));
}

OssObjectStore::OssObjectStore(http::Client& client, OssLocation location, Credentials credentials,
                               const Clock& clock)
    : client_(client),
      location_(std::move(location)),
      base_url_(OssBucketUrl(location_.endpoint, location_.bucket)),
      credentials_(std::move(credentials)),
      clock_(clock),
      signer_(location_.region) {}

http::Request OssObjectStore::Sign(OssRequest request) {
  request.bucket = location_.bucket;
  http::Request out;
  out.method = request.method;
  out.url = OssObjectUrl(base_url_, request.key, request.query);
  out.headers = request.headers;
  for (auto& header : signer_.SignHeaders(request, credentials_, clock_.Now()))
    out.headers.push_back(std::move(header));
  return out;
}

void OssObjectStore::Put(const std::string& key, std::shared_ptr<http::BodySource> body,
                         const PutOptions& options, Deadline deadline, CancelToken cancel,
                         Done<ObjectInfo> done) {
  const uint64_t size = body->size();
  http::Request request = Sign({"PUT", "", key, {}, HeadersOf(options), {}});
  request.source = std::move(body);
  client_.Send(
      std::move(request), deadline, std::move(cancel),
      Judge<ObjectInfo>(std::move(done), [size, type = options.content_type](const http::Response& response) {
        ObjectInfo info = ReadInfo(response);
        info.size = size;
        info.content_type = type;
        return info;
      }));
}

void OssObjectStore::Get(const std::string& key, std::shared_ptr<http::BodySink> sink, Deadline deadline,
                         CancelToken cancel, Done<ObjectInfo> done) {
  http::Request request = Sign({"GET", "", key, {}, {}, {}});
  request.sink = std::move(sink);
  client_.Send(std::move(request), deadline, std::move(cancel), Judge<ObjectInfo>(std::move(done), ReadInfo));
}

void OssObjectStore::Initiate(const std::string& key, const PutOptions& options, Deadline deadline,
                              CancelToken cancel, Done<std::string> done) {
  client_.Send(
      Sign({"POST", "", key, {{"uploads", ""}}, HeadersOf(options), {}}), deadline, std::move(cancel),
      Judge<std::string>(std::move(done), [](const http::Response& response) -> absl::StatusOr<std::string> {
        std::string id = Element(response.body, "InitiateMultipartUploadResult", "UploadId");
        if (id.empty()) return Invalid("OSS began an upload without an id");
        return id;
      }));
}

void OssObjectStore::PutPart(const std::string& key, const std::string& upload_id, int number,
                             std::shared_ptr<http::BodySource> body, Deadline deadline, CancelToken cancel,
                             Done<PartInfo> done) {
  http::Request request =
      Sign({"PUT", "", key, {{"partNumber", std::to_string(number)}, {"uploadId", upload_id}}, {}, {}});
  request.source = std::move(body);
  client_.Send(
      std::move(request), deadline, std::move(cancel),
      Judge<PartInfo>(std::move(done), [number](const http::Response& response) -> absl::StatusOr<PartInfo> {
        const ObjectInfo info = ReadInfo(response);
        if (info.etag.empty()) return Invalid("OSS took a part without an ETag");
        return PartInfo{number, info.etag, info.crc64};
      }));
}

void OssObjectStore::Complete(const std::string& key, const std::string& upload_id,
                              const std::vector<PartInfo>& parts, Deadline deadline, CancelToken cancel,
                              Done<ObjectInfo> done) {
  pugi::xml_document document;
  auto root = document.append_child("CompleteMultipartUpload");
  for (const PartInfo& part : parts) {
    auto node = root.append_child("Part");
    node.append_child("PartNumber").text().set(part.number);
    node.append_child("ETag").text().set(("\"" + part.etag + "\"").c_str());
  }
  std::ostringstream body;
  document.save(body, "", pugi::format_raw);
  http::Request request =
      Sign({"POST", "", key, {{"uploadId", upload_id}}, {{"Content-Type", "application/xml"}}, {}});
  request.body = body.str();
  client_.Send(
      std::move(request), deadline, std::move(cancel),
      Judge<ObjectInfo>(std::move(done), [](const http::Response& response) -> absl::StatusOr<ObjectInfo> {
        ObjectInfo info = ReadInfo(response);
        // An error can come behind a 200 that was sent ahead of the work.
        info.etag = Unquoted(Element(response.body, "CompleteMultipartUploadResult", "ETag"));
        if (info.etag.empty()) return Invalid("OSS completed an upload without an ETag");
        info.size = 0;
        info.content_type.clear();
        return info;
      }));
}

void OssObjectStore::Abort(const std::string& key, const std::string& upload_id, Deadline deadline,
                           CancelToken cancel, absl::AnyInvocable<void(absl::Status)> done) {
  client_.Send(Sign({"DELETE", "", key, {{"uploadId", upload_id}}, {}, {}}), deadline, std::move(cancel),
               [done = std::move(done)](absl::StatusOr<http::Response> response) mutable {
                 if (!response.ok()) return done(response.status());
                 done(response->status == 204 ? absl::OkStatus() : OssError(*response));
               });
}

}  // namespace sluice::aliyun
