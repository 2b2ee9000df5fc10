// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/doctor_probe.h"

#include "common/aliyun/oss_address.h"
#include "common/aliyun/oss_error.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/http/wait.h"

namespace sluice::broker {
namespace {

// Shaped like OSS's own, of no upload.
constexpr char kNoUpload[] = "00000000000000000000000000000D0C";

// The endpoint that OSS names when a bucket is asked for at another one; empty when it names none.
std::string OtherEndpoint(const std::string& body) {
  constexpr std::string_view kTag = "<Endpoint>";
  const size_t begin = body.find(kTag);
  if (begin == std::string::npos) return "";
  const std::string name = body.substr(begin + kTag.size(), 100);
  const size_t end = name.find('<');
  const bool plain =
      end != std::string::npos && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == end;
  return plain ? name.substr(0, end) : "another endpoint";
}

}  // namespace

RightAnswer ReadRight(const absl::StatusOr<http::Response>& response) {
  if (!response.ok()) return {Right::kUnclear, response.status()};
  if (response->status >= 200 && response->status < 300 && response->status != 203)
    return {Right::kGiven, absl::OkStatus()};
  const absl::Status error = aliyun::OssError(*response);
  const auto metadata = Metadata(error);
  const auto found = metadata.find("oss_code");
  const std::string code = found == metadata.end() ? "" : found->second;
  if (code == "InvalidDigest" || code == "NoSuchUpload" || code == "NoSuchKey")
    return {Right::kGiven, absl::OkStatus()};
  if (const std::string other = OtherEndpoint(response->body); !other.empty()) {
    return {Right::kUnclear,
            Fail(absl::StatusCode::kFailedPrecondition, "OSS_REFUSED",
                 "OSS says the bucket is at " + other + "; mend region or endpoint of the grant")};
  }
  if (code == "NoSuchBucket")
    return {Right::kUnclear,
            Fail(absl::StatusCode::kFailedPrecondition, "OSS_REFUSED",
                 "OSS knows no such bucket at this endpoint; mend bucket, region or endpoint")};
  if (metadata.contains("oss_ec") && metadata.at("oss_ec") == "0002-00000226")
    return {Right::kUnclear, Fail(absl::StatusCode::kFailedPrecondition, "OSS_REFUSED",
                                  "OSS says the bucket is in another region; mend region of the grant")};
  return {absl::IsPermissionDenied(error) ? Right::kDenied : Right::kUnclear, error};
}

DoctorProbe::DoctorProbe(http::Client& client, const Grant& grant, aliyun::Credentials session,
                         const Clock& clock, std::chrono::milliseconds patience)
    : client_(client),
      bucket_(grant.bucket),
      base_url_(aliyun::OssBucketUrl(grant.endpoint, grant.bucket)),
      session_(std::move(session)),
      clock_(clock),
      patience_(patience),
      signer_(grant.region) {}

absl::StatusOr<http::Response> DoctorProbe::Send(aliyun::OssRequest request, std::string body) {
  request.bucket = bucket_;
  http::Request out{request.method,  aliyun::OssObjectUrl(base_url_, request.key, request.query),
                    request.headers, std::move(body),
                    nullptr,         nullptr};
  for (auto& header : signer_.SignHeaders(request, session_, clock_.Now()))
    out.headers.push_back(std::move(header));
  return http::SendAndWait(client_, std::move(out), Deadline::After(patience_));
}

absl::StatusOr<http::Response> DoctorProbe::Put(const std::string& key, const std::string& body) {
  return Send({"PUT", "", key, {}, {{"Content-Type", "text/plain"}}, {}}, body);
}
absl::StatusOr<http::Response> DoctorProbe::PutSymlink(const std::string& key, const std::string& target) {
  return Send(
      {"PUT", "", key, {{"symlink", ""}}, {{"x-oss-symlink-target", crypto::PercentEncode(target)}}, {}});
}
absl::StatusOr<http::Response> DoctorProbe::Get(const std::string& key) {
  return Send({"GET", "", key, {}, {}, {}});
}
absl::StatusOr<http::Response> DoctorProbe::Delete(const std::string& key) {
  return Send({"DELETE", "", key, {}, {}, {}});
}
absl::StatusOr<http::Response> DoctorProbe::PutNothing(const std::string& key, const std::string& acl) {
  aliyun::Pairs headers{{"Content-Type", "text/plain"},
                        {"Content-MD5", crypto::Base64Encode(crypto::Md5("of another body"))}};
  if (!acl.empty()) headers.emplace_back("x-oss-object-acl", acl);
  return Send({"PUT", "", key, {}, std::move(headers), {}}, "sluice doctor");
}
absl::StatusOr<http::Response> DoctorProbe::ListParts(const std::string& key) {
  return Send({"GET", "", key, {{"uploadId", kNoUpload}}, {}, {}});
}
absl::StatusOr<http::Response> DoctorProbe::AbortUpload(const std::string& key) {
  return Send({"DELETE", "", key, {{"uploadId", kNoUpload}}, {}, {}});
}
absl::StatusOr<http::Response> DoctorProbe::PutTags(const std::string& key) {
  return Send({"PUT", "", key, {{"tagging", ""}}, {{"Content-Type", "application/xml"}}, {}},
              "<Tagging><TagSet><Tag><Key>sluice</Key><Value>doctor</Value></Tag></TagSet></Tagging>");
}
absl::StatusOr<http::Response> DoctorProbe::List(const std::string& prefix) {
  aliyun::Pairs query{{"list-type", "2"}, {"max-keys", "1"}};
  if (!prefix.empty()) query.emplace_back("prefix", prefix);
  return Send({"GET", "", "", std::move(query), {}, {}});
}

}  // namespace sluice::broker
