// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_answers.h"

#include <charconv>
#include <pugixml.hpp>
#include <sstream>

#include "common/aliyun/oss_error.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace sluice::aliyun {
namespace {

constexpr size_t kLargestDocument = 4 << 20;
constexpr size_t kLongestName = 1024;

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

// Letters, digits and what else an ETag or id of the vendor's has; nothing that a request could trip over.
bool IsPlain(std::string_view text) {
  if (text.empty() || text.size() > kLongestName) return false;
  for (char c : text) {
    if (c <= ' ' || c > '~' || c == '<' || c == '&' || c == '"') return false;
  }
  return true;
}

absl::Status Invalid(std::string_view what) {
  return Fail(absl::StatusCode::kUnavailable, "OSS_ANSWER_INVALID",
              std::string(what) + "; check endpoint and proxies");
}

absl::Status CheckSuccess(const http::Response& response) {
  return response.status == 200 ? absl::OkStatus() : OssError(response);
}

// The root of an answer that must be `name`.
absl::StatusOr<pugi::xml_node> Root(pugi::xml_document& document, const http::Response& response,
                                    const char* name) {
  const std::string& body = response.body;
  if (body.size() > kLargestDocument || body.find("<!DOCTYPE") != std::string::npos ||
      !document.load_buffer(body.data(), body.size()))
    return Invalid("OSS answered with something other than its XML");
  // An error behind a 200.
  if (document.child("Error")) {
    http::Response error = response;
    error.status = 500;
    return OssError(error);
  }
  const pugi::xml_node root = document.child(name);
  if (!root) return Invalid(std::string("OSS answered without ") + name);
  return root;
}

}  // namespace

ObjectInfo ReadInfo(const http::Response& response) {
  return {Number(http::FindHeader(response.headers, "Content-Length")).value_or(0),
          Unquoted(http::FindHeader(response.headers, "ETag")),
          Number(http::FindHeader(response.headers, "x-oss-hash-crc64ecma")),
          std::string(http::FindHeader(response.headers, "Content-Type"))};
}

std::string VersionOf(const http::Response& response) {
  const auto version = http::FindHeader(response.headers, "x-oss-version-id");
  return IsPlain(version) ? std::string(version) : std::string();
}

absl::StatusOr<std::string> ReadInitiated(const http::Response& response) {
  RETURN_IF_ERROR(CheckSuccess(response));
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, response, "InitiateMultipartUploadResult"));
  std::string id = root.child_value("UploadId");
  if (!IsPlain(id) || id.size() > 256) return Invalid("OSS began an upload without an id");
  return id;
}

absl::StatusOr<ObjectInfo> ReadStored(const http::Response& response) {
  RETURN_IF_ERROR(CheckSuccess(response));
  ObjectInfo info = ReadInfo(response);
  if (!IsPlain(info.etag)) return Invalid("OSS stored the bytes without an ETag");
  return info;
}

absl::StatusOr<PartsPage> ReadPartsPage(const http::Response& response) {
  RETURN_IF_ERROR(CheckSuccess(response));
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, response, "ListPartsResult"));
  PartsPage out;
  for (const pugi::xml_node part : root.children("Part")) {
    const auto number = Number(part.child_value("PartNumber"));
    const auto bytes = Number(part.child_value("Size"));
    PartsPage::Part read{0, 0, Unquoted(part.child_value("ETag")), Number(part.child_value("HashCrc64ecma"))};
    if (!number || *number < 1 || *number > 10'000 || !bytes || !IsPlain(read.etag))
      return Invalid("OSS listed a part that is none");
    if (!out.parts.empty() && *number <= out.parts.back().number)
      return Invalid("OSS listed parts out of order");
    read.number = static_cast<uint32_t>(*number);
    read.bytes = *bytes;
    out.parts.push_back(std::move(read));
  }
  if (std::string_view(root.child_value("IsTruncated")) == "true") {
    const auto next = Number(root.child_value("NextPartNumberMarker"));
    // A marker that does not go on would be asked for for ever.
    if (!next || *next < 1 || *next > 10'000 || out.parts.empty() || *next < out.parts.back().number)
      return Invalid("OSS listed parts without saying where to go on");
    out.next = static_cast<uint32_t>(*next);
  }
  return out;
}

std::string CompleteBody(const std::vector<PartInfo>& parts) {
  pugi::xml_document document;
  auto root = document.append_child("CompleteMultipartUpload");
  for (const PartInfo& part : parts) {
    auto node = root.append_child("Part");
    node.append_child("PartNumber").text().set(part.number);
    node.append_child("ETag").text().set(("\"" + part.etag + "\"").c_str());
  }
  std::ostringstream body;
  document.save(body, "", pugi::format_raw);
  return body.str();
}

absl::StatusOr<ObjectInfo> ReadCompleted(const http::Response& response) {
  RETURN_IF_ERROR(CheckSuccess(response));
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, response, "CompleteMultipartUploadResult"));
  ObjectInfo info = ReadInfo(response);
  info.etag = Unquoted(root.child_value("ETag"));
  if (!IsPlain(info.etag)) return Invalid("OSS completed an upload without an ETag");
  info.size = 0;
  info.content_type.clear();
  return info;
}

absl::StatusOr<ObjectFacts> ReadFacts(const http::Response& response) {
  RETURN_IF_ERROR(CheckSuccess(response));
  ObjectFacts out;
  out.info = ReadInfo(response);
  if (!IsPlain(out.info.etag)) return Invalid("OSS described an object without an ETag");
  constexpr std::string_view kPrefix = "x-oss-meta-";
  for (const auto& [name, value] : response.headers) {
    const std::string lower = Lower(name);
    if (lower.starts_with(kPrefix)) out.metadata[lower.substr(kPrefix.size())] = value;
  }
  out.version_id = VersionOf(response);
  return out;
}

}  // namespace sluice::aliyun
