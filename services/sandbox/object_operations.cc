// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/iso_time.h"
#include "common/crypto/encoding.h"
#include "services/sandbox/oss_operation.h"

namespace sluice::sandbox {
namespace {

using http::FindHeader;

// The one range that OSS serves: nullopt when there is none or it does not fit. An end beyond the
// object does not fit either, unless `clamp`.
std::optional<std::pair<uint64_t, uint64_t>> ParseRange(std::string_view text, uint64_t size, bool clamp) {
  if (!text.starts_with("bytes=") || text.find(',') != std::string_view::npos || size == 0)
    return std::nullopt;
  text.remove_prefix(6);
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  auto number = [](std::string_view digits) -> std::optional<uint64_t> {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  const auto first = number(text.substr(0, dash));
  const auto last = number(text.substr(dash + 1));
  if (dash == 0) {
    if (!last || *last == 0 || *last > size) return std::nullopt;
    return std::pair(size - *last, *last);
  }
  if (!first || *first >= size) return std::nullopt;
  if (dash + 1 == text.size()) return std::pair(*first, size - *first);
  if (!last || *last < *first || (*last >= size && !clamp)) return std::nullopt;
  return std::pair(*first, std::min(*last, size - 1) - *first + 1);
}

std::optional<Fault> CheckConditions(const OssCall& call, const Object& object, bool& not_modified) {
  auto same_etag = [&](std::string_view value) {
    std::string plain(value);
    std::erase(plain, '"');
    return plain == object.etag || plain == "*";
  };
  auto failed = [](const char* name) {
    return Fault{412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.",
                 "",  "a condition failed", {{"Condition", name}}};
  };
  const auto& headers = call.head.headers;
  const Time modified = std::chrono::floor<std::chrono::seconds>(object.modified);
  if (auto value = FindHeader(headers, "If-Match"); !value.empty() && !same_etag(value))
    return failed("If-Match");
  if (auto time = ParseHttpDate(FindHeader(headers, "If-Unmodified-Since")); time && modified > *time)
    return failed("If-Unmodified-Since");
  if (auto value = FindHeader(headers, "If-None-Match"); !value.empty() && same_etag(value))
    not_modified = true;
  if (auto time = ParseHttpDate(FindHeader(headers, "If-Modified-Since")); time && modified <= *time)
    not_modified = true;
  return std::nullopt;
}

http::Answer Describe(const Object& object) {
  http::Answer answer;
  answer.headers = object.headers;
  answer.headers.emplace_back("ETag", "\"" + object.etag + "\"");
  answer.headers.emplace_back("Last-Modified", HttpDate(object.modified));
  answer.headers.emplace_back("x-oss-object-type", object.type);
  answer.headers.emplace_back("x-oss-storage-class", "Standard");
  answer.headers.emplace_back("x-oss-hash-crc64ecma", std::to_string(object.content->crc64));
  if (!object.tags.empty())
    answer.headers.emplace_back("x-oss-tagging-count", std::to_string(object.tags.size()));
  answer.headers.emplace_back("Accept-Ranges", "bytes");
  if (object.type == "Normal")
    answer.headers.emplace_back("Content-MD5", crypto::Base64Encode(object.content->md5));
  return answer;
}

// The headers that a signed request may ask to be answered otherwise.
void Override(const OssCall& call, http::Answer& answer) {
  constexpr std::array<std::pair<const char*, const char*>, 6> kNames = {
      {{"response-content-type", "Content-Type"},
       {"response-content-language", "Content-Language"},
       {"response-expires", "Expires"},
       {"response-cache-control", "Cache-Control"},
       {"response-content-disposition", "Content-Disposition"},
       {"response-content-encoding", "Content-Encoding"}}};
  for (const auto& [query, header] : kNames) {
    const auto value = call.target.Find(query);
    // A line break would let the URL write headers of its own.
    if (!value || value->find_first_of("\r\n") != std::string_view::npos) continue;
    std::erase_if(answer.headers,
                  [&, name = header](const auto& entry) { return http::SameName(entry.first, name); });
    answer.headers.emplace_back(header, *value);
  }
}

}  // namespace

Fault NoSuchKey(const OssCall& call) {
  return {404,
          "NoSuchKey",
          "The specified key does not exist.",
          "0026-00000001",
          "no such object",
          {{"Key", call.key}}};
}

OrFault<http::Headers> StoredHeaders(const OssCall& call) {
  http::Headers out;
  size_t metadata = 0;
  for (const auto& [name, value] : call.head.headers) {
    const bool meta = name.size() > 11 && http::SameName(std::string_view(name).substr(0, 11), "x-oss-meta-");
    const bool kept = meta || http::SameName(name, "Content-Type") || http::SameName(name, "Cache-Control") ||
                      http::SameName(name, "Content-Disposition") ||
                      http::SameName(name, "Content-Encoding") || http::SameName(name, "Expires");
    if (meta) metadata += name.size() - 11 + value.size();
    if (kept) out.emplace_back(name, value);
  }
  if (metadata > 8192)
    return Fault{400, "InvalidArgument", "The metadata is larger than 8 KB.", "", "shorten x-oss-meta-*", {}};
  if (!http::HasHeader(out, "Content-Type")) out.emplace_back("Content-Type", "application/octet-stream");
  return out;
}

OrFault<Tags> StoredTags(const OssCall& call) {
  if (!http::HasHeader(call.head.headers, "x-oss-tagging")) return Tags();
  return ParseTagHeader(FindHeader(call.head.headers, "x-oss-tagging"));
}

std::optional<Fault> CheckContentMd5(const OssCall& call, const Content& body) {
  const std::string_view claimed = FindHeader(call.head.headers, "Content-MD5");
  if (claimed.empty() || claimed == crypto::Base64Encode(body.md5)) return std::nullopt;
  return Fault{400,
               "InvalidDigest",
               "The Content-MD5 you specified was invalid.",
               "0017-00000503",
               "it is not the MD5 of the body",
               {{"Content-MD5", std::string(claimed)}}};
}

OrFault<bool> ForbidsOverwrite(const OssCall& call) {
  const std::string_view value = FindHeader(call.head.headers, "x-oss-forbid-overwrite");
  if (value.empty() || value == "false") return false;
  if (value == "true") return true;
  return Fault{400,
               "InvalidArgument",
               "x-oss-forbid-overwrite must be true or false.",
               "0017-00000279",
               "bad header value",
               {}};
}

Fault FileAlreadyExists() {
  return {409,
          "FileAlreadyExists",
          "The object you specified already exists and can not be overwritten.",
          "0026-00000002",
          "x-oss-forbid-overwrite is true",
          {}};
}

Outcome PutObject(const OssContext& context, ContentPtr body) {
  auto forbid = ForbidsOverwrite(context.call);
  if (auto* fault = std::get_if<Fault>(&forbid)) return *fault;
  if (auto fault = CheckContentMd5(context.call, *body)) return *fault;
  auto headers = StoredHeaders(context.call);
  if (auto* fault = std::get_if<Fault>(&headers)) return *fault;
  auto tags = StoredTags(context.call);
  if (auto* fault = std::get_if<Fault>(&tags)) return *fault;
  Object object{body,
                crypto::HexUpper(body->md5),
                "Normal",
                context.now,
                std::get<http::Headers>(std::move(headers)),
                std::get<Tags>(std::move(tags))};
  if (!context.shelf.Put(context.call.bucket, context.call.key, object, std::get<bool>(forbid)))
    return FileAlreadyExists();
  http::Answer answer;
  answer.headers = {{"ETag", "\"" + object.etag + "\""},
                    {"Content-MD5", crypto::Base64Encode(body->md5)},
                    {"x-oss-hash-crc64ecma", std::to_string(body->crc64)}};
  return answer;
}

Outcome GetObject(const OssContext& context, ContentPtr) {
  const auto object = context.shelf.Get(context.call.bucket, context.call.key);
  if (!object) return NoSuchKey(context.call);
  bool not_modified = false;
  if (auto fault = CheckConditions(context.call, *object, not_modified)) return *fault;
  http::Answer answer = Describe(*object);
  if (not_modified) {
    answer.status = 304;
    return answer;
  }
  Override(context.call, answer);
  const uint64_t size = object->content->size;
  const std::string_view wanted = FindHeader(context.call.head.headers, "Range");
  const bool standard = FindHeader(context.call.head.headers, "x-oss-range-behavior") == "standard";
  const auto range = ParseRange(wanted, size, standard);
  if (!range && !wanted.empty() && standard) {
    return Fault{416,
                 "InvalidRange",
                 "The requested range cannot be satisfied.",
                 "",
                 "the range does not fit the object",
                 {}};
  }
  if (range) {
    answer.status = 206;
    answer.headers.emplace_back("Content-Range", "bytes " + std::to_string(range->first) + "-" +
                                                     std::to_string(range->first + range->second - 1) + "/" +
                                                     std::to_string(size));
  }
  const auto [first, count] = range.value_or(std::pair<uint64_t, uint64_t>(0, size));
  answer.source = ReadContent(object->content, first, count);
  return answer;
}

Outcome HeadObject(const OssContext& context, ContentPtr body) { return GetObject(context, std::move(body)); }

Outcome DeleteObject(const OssContext& context, ContentPtr) {
  context.shelf.Delete(context.call.bucket, context.call.key);
  return http::Answer{204, {}, "", nullptr};
}

}  // namespace sluice::sandbox
