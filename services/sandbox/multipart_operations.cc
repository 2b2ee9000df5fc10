// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "common/base/iso_time.h"
#include "common/crypto/crc64.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "services/sandbox/oss_operation.h"
#include "services/sandbox/oss_xml.h"

namespace sluice::sandbox {
namespace {

constexpr uint64_t kSmallestPart = 102400;

Fault NoSuchUpload(const OssCall& call, std::string ec) {
  return {404,
          "NoSuchUpload",
          "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
          "aborted or completed.",
          std::move(ec),
          "no such upload of this key",
          {{"UploadId", std::string(call.target.Find("uploadId").value_or(""))}}};
}

std::string UploadIdOf(const OssContext& context) {
  return std::string(context.call.target.Find("uploadId").value_or(""));
}

http::Answer Xml(std::string body) {
  return {200, {{"Content-Type", "application/xml"}}, std::move(body), nullptr};
}

}  // namespace

std::string MultipartEtag(const std::vector<std::string>& part_etags) {
  std::string text;
  for (const std::string& etag : part_etags) text += etag;
  return crypto::HexUpper(crypto::Md5(text)) + "-" + std::to_string(part_etags.size());
}

OrFault<int> NumberQuery(const OssCall& call, std::string_view name, int otherwise, int low, int high,
                         std::string_view ec) {
  const auto text = call.target.Find(name);
  if (!text || text->empty()) return otherwise;
  int value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value < low || value > high) {
    return Fault{400,
                 "InvalidArgument",
                 std::string(name) + " must be an integer between " + std::to_string(low) + " and " +
                     std::to_string(high) + ", inclusive.",
                 std::string(ec),
                 "bad number",
                 {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(*text)}}};
  }
  return value;
}

Outcome InitiateUpload(const OssContext& context, ContentPtr) {
  auto forbid = ForbidsOverwrite(context.call);
  if (auto* fault = std::get_if<Fault>(&forbid)) return *fault;
  if (std::get<bool>(forbid) && context.shelf.Get(context.call.bucket, context.call.key))
    return FileAlreadyExists();
  auto headers = StoredHeaders(context.call);
  if (auto* fault = std::get_if<Fault>(&headers)) return *fault;
  auto tags = StoredTags(context.call);
  if (auto* fault = std::get_if<Fault>(&tags)) return *fault;
  const std::string id = context.shelf.BeginUpload({context.call.bucket,
                                                    context.call.key,
                                                    std::get<http::Headers>(std::move(headers)),
                                                    std::get<Tags>(std::move(tags)),
                                                    {},
                                                    context.now});
  XmlWriter xml("InitiateMultipartUploadResult");
  return Xml(
      xml.Text("Bucket", context.call.bucket).Text("Key", context.call.key).Text("UploadId", id).Finish());
}

Outcome UploadPart(const OssContext& context, ContentPtr body) {
  auto number = NumberQuery(context.call, "partNumber", 0, 1, 10000, "0017-00000220");
  if (auto* fault = std::get_if<Fault>(&number)) return *fault;
  if (std::get<int>(number) == 0) {
    return Fault{400,
                 "InvalidArgument",
                 "Part number must be an integer between 1 and 10000, inclusive.",
                 "0017-00000219",
                 "partNumber is missing",
                 {}};
  }
  if (auto fault = CheckContentMd5(context.call, *body)) return *fault;
  const Part part{body, crypto::HexUpper(body->md5), context.now};
  if (!context.shelf.PutPart(UploadIdOf(context), context.call.bucket, context.call.key,
                             std::get<int>(number), part)) {
    return NoSuchUpload(context.call, "0042-00000104");
  }
  http::Answer answer;
  answer.headers = {{"ETag", "\"" + part.etag + "\""},
                    {"Content-MD5", crypto::Base64Encode(body->md5)},
                    {"x-oss-hash-crc64ecma", std::to_string(body->crc64)}};
  return answer;
}

Outcome ListParts(const OssContext& context, ContentPtr) {
  auto most = NumberQuery(context.call, "max-parts", 1000, 1, 1000, "");
  auto marker = NumberQuery(context.call, "part-number-marker", 0, 0, 10000, "");
  if (auto* fault = std::get_if<Fault>(&most)) return *fault;
  if (auto* fault = std::get_if<Fault>(&marker)) return *fault;
  const auto upload = context.shelf.FindUpload(UploadIdOf(context), context.call.bucket, context.call.key);
  if (!upload) return NoSuchUpload(context.call, "0042-00000002");
  XmlWriter xml("ListPartsResult");
  xml.Text("Bucket", context.call.bucket).Text("Key", context.call.key).Text("UploadId", UploadIdOf(context));
  xml.Text("StorageClass", "Standard").Text("PartNumberMarker", std::to_string(std::get<int>(marker)));
  auto at = upload->parts.upper_bound(std::get<int>(marker));
  int last = 0;
  int count = 0;
  std::vector<decltype(at)> listed;
  for (; at != upload->parts.end() && count < std::get<int>(most); ++at, ++count) {
    listed.push_back(at);
    last = at->first;
  }
  xml.Text("NextPartNumberMarker", std::to_string(last))
      .Text("MaxParts", std::to_string(std::get<int>(most)));
  xml.Text("IsTruncated", at == upload->parts.end() ? "false" : "true");
  for (const auto& part : listed) {
    xml.Open("Part")
        .Text("PartNumber", std::to_string(part->first))
        .Text("LastModified", IsoZeroMillis(part->second.modified));
    xml.Text("ETag", "\"" + part->second.etag + "\"")
        .Text("HashCrc64ecma", std::to_string(part->second.content->crc64));
    xml.Text("Size", std::to_string(part->second.content->size)).Close();
  }
  return Xml(xml.Finish());
}

Outcome CompleteUpload(const OssContext& context, ContentPtr body) {
  auto forbid = ForbidsOverwrite(context.call);
  if (auto* fault = std::get_if<Fault>(&forbid)) return *fault;
  std::string text;
  for (const auto& piece : body->pieces) text += *piece;
  const auto upload = context.shelf.FindUpload(UploadIdOf(context), context.call.bucket, context.call.key);
  if (!upload) return NoSuchUpload(context.call, "0017-00000244");
  std::vector<std::pair<int, std::string>> wanted;
  if (http::FindHeader(context.call.head.headers, "x-oss-complete-all") == "yes") {
    if (!text.empty()) {
      return Fault{400,
                   "InvalidArgument",
                   "Should not speficy both complete all header and http body.",
                   "0042-00000216",
                   "complete-all takes no body",
                   {{"ArgumentName", "x-oss-complete-all"}}};
    }
    for (const auto& [number, part] : upload->parts) wanted.emplace_back(number, part.etag);
  } else {
    auto parsed = ParseComplete(text);
    if (!parsed) {
      return Fault{
          400,
          "MalformedXML",
          "The XML you provided was not well-formed or did not validate against our published schema.",
          "0042-00000205",
          "a CompleteMultipartUpload with at least one Part is needed",
          {}};
    }
    wanted = *std::move(parsed);
  }
  for (size_t i = 1; i < wanted.size(); ++i) {
    if (wanted[i].first <= wanted[i - 1].first) {
      return Fault{400,
                   "InvalidPartOrder",
                   "The list of parts was not in ascending order.",
                   "0042-00000209",
                   "sort the parts",
                   {}};
    }
  }
  auto whole = std::make_shared<Content>();
  std::vector<std::string> etags;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto part = upload->parts.find(wanted[i].first);
    if (part == upload->parts.end() || part->second.etag != wanted[i].second) {
      return Fault{400,
                   "InvalidPart",
                   "One or more of the specified parts could not be found or the specified entity tag might "
                   "not have matched the part's "
                   "entity tag.",
                   "",
                   "a part is missing or has another ETag",
                   {{"PartNumber", std::to_string(wanted[i].first)}}};
    }
    const Content& content = *part->second.content;
    if (i + 1 < wanted.size() && content.size < kSmallestPart) {
      return Fault{400,
                   "EntityTooSmall",
                   "Your proposed upload smaller than the minimum allowed size.",
                   "0042-00000213",
                   "only the last part may be under 102400 bytes",
                   {{"PartNumber", std::to_string(wanted[i].first)}}};
    }
    whole->pieces.insert(whole->pieces.end(), content.pieces.begin(), content.pieces.end());
    whole->crc64 = crypto::CombineCrc64(whole->crc64, content.crc64, content.size);
    whole->size += content.size;
    etags.push_back(part->second.etag);
  }
  const std::string etag = MultipartEtag(etags);
  Object object{whole, etag, "Multipart", context.now, upload->headers, upload->tags};
  switch (context.shelf.CompleteUpload(UploadIdOf(context), context.call.bucket, context.call.key,
                                       std::move(object), std::get<bool>(forbid))) {
    case ObjectShelf::Completion::kNoSuchUpload:
      return NoSuchUpload(context.call, "0017-00000244");
    case ObjectShelf::Completion::kObjectExists:
      return FileAlreadyExists();
    case ObjectShelf::Completion::kDone:
      break;
  }
  XmlWriter xml("CompleteMultipartUploadResult");
  xml.Text("Location", "http://" + std::string(http::FindHeader(context.call.head.headers, "Host")) + "/" +
                           context.call.key);
  http::Answer answer = Xml(xml.Text("Bucket", context.call.bucket)
                                .Text("Key", context.call.key)
                                .Text("ETag", "\"" + etag + "\"")
                                .Finish());
  answer.headers.emplace_back("x-oss-hash-crc64ecma", std::to_string(whole->crc64));
  return answer;
}

Outcome AbortUpload(const OssContext& context, ContentPtr) {
  if (!context.shelf.EndUpload(UploadIdOf(context), context.call.bucket, context.call.key)) {
    return NoSuchUpload(context.call, "0042-00000002");
  }
  return http::Answer{204, {}, "", nullptr};
}

}  // namespace sluice::sandbox
