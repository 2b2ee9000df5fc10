// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/tus_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/utf8.h"
#include "common/crypto/encoding.h"
#include "common/rpc/status_mapping.h"

namespace sluice::gateway {
namespace {

constexpr size_t kMostMetadata = 2048;

Failure Malformed(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED", what);
}

// The only value of a header, which may be absent.
absl::StatusOr<std::optional<std::string_view>> Only(const http::Headers& headers, std::string_view name) {
  std::optional<std::string_view> out;
  for (const auto& [one, value] : headers) {
    if (!http::SameName(one, name)) continue;
    if (out) return Malformed("the header " + std::string(name) + " is there twice");
    out = value;
  }
  return out;
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool digits = !text.empty() && text.front() >= '0' && text.front() <= '9';
  if (!digits || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

using Pairs = std::map<std::string, std::string, std::less<>>;

absl::StatusOr<Pairs> ReadPairs(std::string_view text) {
  Pairs out;
  if (text.empty()) return out;
  for (;;) {
    std::string_view pair = text.substr(0, text.find(','));
    const bool last = pair.size() == text.size();
    text.remove_prefix(last ? pair.size() : pair.size() + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    const std::string name(pair.substr(0, pair.find(' ')));
    const auto value = crypto::Base64Decode(pair.substr(std::min(pair.size(), name.size() + 1)));
    const bool named =
        !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (!named || !value)
      return Malformed("Upload-Metadata is pairs of a name and a value in base64, with commas between them");
    if (!out.emplace(name, *value).second) return Malformed("Upload-Metadata names " + name + " twice");
    if (last) return out;
  }
}

// The first of the names that is there, taken out; what else means the same goes too.
std::optional<std::string> Take(Pairs& pairs, std::initializer_list<std::string_view> names) {
  std::optional<std::string> out;
  for (const std::string_view name : names) {
    const auto found = pairs.find(name);
    if (found == pairs.end()) continue;
    if (!out) out = std::move(found->second);
    pairs.erase(found);
  }
  return out;
}

bool FitsObject(const std::string& name, const std::string& value) {
  const bool named = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return named && !value.empty() && value.front() != ' ' && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

absl::StatusOr<std::optional<uint64_t>> ReadNumber(const http::Headers& headers, std::string_view name) {
  ASSIGN_OR_RETURN(const auto text, Only(headers, name));
  if (!text) return std::optional<uint64_t>();
  const auto number = Number(*text);
  if (!number) return Malformed(std::string(name) + " is a number of bytes");
  return number;
}

absl::StatusOr<std::optional<BodyStream::Checksum>> ReadChecksum(const http::Headers& headers) {
  ASSIGN_OR_RETURN(const auto text, Only(headers, "Upload-Checksum"));
  if (!text) return std::optional<BodyStream::Checksum>();
  using Kind = BodyStream::Checksum::Kind;
  struct Algorithm {
    std::string_view name;
    Kind kind;
    size_t size;
  };
  constexpr std::array kAlgorithms = std::to_array<Algorithm>(
      {{"sha1", Kind::kSha1, 20}, {"sha256", Kind::kSha256, 32}, {"md5", Kind::kMd5, 16}});
  const std::string_view name = text->substr(0, text->find(' '));
  const auto* found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                   [&](const Algorithm& one) { return one.name == name; });
  if (found == kAlgorithms.end())
    return Malformed("Upload-Checksum begins with one of " + std::string(kTusChecksums));
  auto digest = crypto::Base64Decode(text->substr(std::min(text->size(), name.size() + 1)));
  if (!digest || digest->size() != found->size)
    return Malformed("Upload-Checksum is an algorithm, a space, and the sum in base64");
  return BodyStream::Checksum{found->kind, *std::move(digest)};
}

absl::StatusOr<upload::v1::StartUploadRequest> ReadCreation(const http::Headers& headers) {
  for (const char* other : {"Upload-Concat", "Upload-Defer-Length"}) {
    if (http::HasHeader(headers, other))
      return Malformed(std::string(other) + " belongs to an extension that this server does not have");
  }
  ASSIGN_OR_RETURN(const auto length, ReadNumber(headers, "Upload-Length"));
  if (!length) return Malformed("a creation says Upload-Length, the bytes of the whole object");
  ASSIGN_OR_RETURN(const auto metadata, Only(headers, "Upload-Metadata"));
  const std::string text(metadata.value_or(""));
  if (text.size() > kMostMetadata)
    return Fail(absl::StatusCode::kInvalidArgument, "METADATA_INVALID", "Upload-Metadata is at most 2 KiB");
  ASSIGN_OR_RETURN(Pairs pairs, ReadPairs(text));
  upload::v1::StartUploadRequest out;
  out.set_note(text);
  out.set_size_bytes(*length);
  // Fields of a proto must be text.
  for (const auto& [name, value] : pairs) {
    if (!IsUtf8(value)) return Malformed("the value of " + name + " in Upload-Metadata is no UTF-8");
  }
  out.set_path(Take(pairs, {"path", "filename", "name"}).value_or(""));
  out.set_content_type(Take(pairs, {"content_type", "filetype", "type"}).value_or(""));
  out.set_grant(Take(pairs, {"grant"}).value_or(""));
  out.set_request_id(Take(pairs, {"request_id"}).value_or(""));
  const std::string overwrite = Take(pairs, {"overwrite"}).value_or("false");
  if (overwrite != "true" && overwrite != "false")
    return Malformed("overwrite in Upload-Metadata is true or false");
  out.set_overwrite(overwrite == "true");
  if (const auto sum = Take(pairs, {"crc64"})) {
    const auto number = Number(*sum);
    if (!number) return Malformed("crc64 in Upload-Metadata is a decimal number");
    out.set_crc64(*number);
  }
  for (auto& [name, value] : pairs) {
    if (FitsObject(name, value)) (*out.mutable_metadata())[name] = std::move(value);
  }
  return out;
}

int TusStatusOf(const absl::Status& status) {
  static constexpr std::array kOwn = std::to_array<std::pair<std::string_view, int>>({
      {"CHECKSUM_MISMATCH", 460},
      {"CHUNK_TOO_LARGE", 413},
      {"MEDIA_TYPE_UNSUPPORTED", 415},
      // Clients try 409 again.
      {"OBJECT_EXISTS", 403},
      {"OFFSET_MISMATCH", 409},
      {"SIZE_EXCEEDED", 413},
      {"TUS_VERSION_UNSUPPORTED", 412},
  });
  const std::string reason = Reason(status);
  for (const auto& [name, code] : kOwn) {
    if (name == reason) return code;
  }
  if (reason == "LIMIT_EXCEEDED" && Metadata(status)["field"] == "size_bytes") return 413;
  // 412 is of versions alone, and clients give up at 429.
  if (absl::IsFailedPrecondition(status)) return 500;
  if (absl::IsResourceExhausted(status)) return 503;
  return rpc::HttpStatusOf(status.code());
}

}  // namespace sluice::gateway
