// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_object_store.h"

#include "common/aliyun/oss_address.h"
#include "common/aliyun/oss_answers.h"
#include "common/aliyun/oss_error.h"
#include "common/base/host.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"

namespace sluice::aliyun {
namespace {

// The host of `https://host:port`, without the port.
std::string HostOf(std::string_view endpoint) {
  std::string_view host = endpoint.substr(endpoint.find("://") + 3);
  if (host.starts_with('[')) return std::string(host.substr(0, host.find(']') + 1));
  return std::string(host.substr(0, host.find(':')));
}

template <typename T>
auto Judge(ObjectStore::Done<T> done, absl::AnyInvocable<absl::StatusOr<T>(const http::Response&)> read) {
  return [done = std::move(done), read = std::move(read)](absl::StatusOr<http::Response> response) mutable {
    if (!response.ok()) return done(response.status());
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
  client_.Send(std::move(request), deadline, std::move(cancel),
               Judge<ObjectInfo>(std::move(done),
                                 [size, type = options.content_type](
                                     const http::Response& response) -> absl::StatusOr<ObjectInfo> {
                                   ASSIGN_OR_RETURN(ObjectInfo info, ReadStored(response));
                                   info.size = size;
                                   info.content_type = type;
                                   return info;
                                 }));
}

void OssObjectStore::Get(const std::string& key, std::shared_ptr<http::BodySink> sink, Deadline deadline,
                         CancelToken cancel, Done<ObjectInfo> done) {
  http::Request request = Sign({"GET", "", key, {}, {}, {}});
  request.sink = std::move(sink);
  client_.Send(
      std::move(request), deadline, std::move(cancel),
      Judge<ObjectInfo>(std::move(done), [](const http::Response& response) -> absl::StatusOr<ObjectInfo> {
        if (response.status != 200) return OssError(response);
        return ReadInfo(response);
      }));
}

void OssObjectStore::Initiate(const std::string& key, const PutOptions& options, Deadline deadline,
                              CancelToken cancel, Done<std::string> done) {
  client_.Send(Sign({"POST", "", key, {{"uploads", ""}}, HeadersOf(options), {}}), deadline,
               std::move(cancel), Judge<std::string>(std::move(done), ReadInitiated));
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
        ASSIGN_OR_RETURN(const ObjectInfo info, ReadStored(response));
        return PartInfo{number, info.etag, info.crc64};
      }));
}

void OssObjectStore::Complete(const std::string& key, const std::string& upload_id,
                              const std::vector<PartInfo>& parts, Deadline deadline, CancelToken cancel,
                              Done<ObjectInfo> done) {
  http::Request request =
      Sign({"POST", "", key, {{"uploadId", upload_id}}, {{"Content-Type", "application/xml"}}, {}});
  request.body = CompleteBody(parts);
  client_.Send(std::move(request), deadline, std::move(cancel),
               Judge<ObjectInfo>(std::move(done), ReadCompleted));
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
