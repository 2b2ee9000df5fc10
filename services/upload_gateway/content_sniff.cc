// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/content_sniff.h"

#include <algorithm>
#include <array>
#include <string>

#include "common/base/status.h"
#include "common/base/text.h"

namespace sluice::gateway {
namespace {

using std::string_view_literals::operator""sv;

struct Signature {
  std::string_view type;
  std::string_view bytes;
  size_t at = 0;
  // Further bytes that must follow, at their own place.
  std::string_view more = "";
  size_t more_at = 0;
};

constexpr auto kSignatures = std::to_array<Signature>({
    {"image/png", "\x89PNG\r\n\x1a\n"sv},
    {"image/jpeg", "\xff\xd8\xff"sv},
    {"image/gif", "GIF87a"sv},
    {"image/gif", "GIF89a"sv},
    {"image/webp", "RIFF"sv, 0, "WEBP"sv, 8},
    {"image/tiff", "II*\0"sv},
    {"image/tiff", "MM\0*"sv},
    {"image/heic", "ftypheic"sv, 4},
    {"image/heic", "ftypheix"sv, 4},
    {"image/heif", "ftypmif1"sv, 4},
    {"image/avif", "ftypavif"sv, 4},
    {"video/quicktime", "ftypqt  "sv, 4},
    {"video/mp4", "ftyp"sv, 4},
    {"video/webm", "\x1a\x45\xdf\xa3"sv},
    {"video/x-msvideo", "RIFF"sv, 0, "AVI "sv, 8},
    {"audio/wav", "RIFF"sv, 0, "WAVE"sv, 8},
    {"audio/mpeg", "ID3"sv},
    {"audio/ogg", "OggS"sv},
    {"audio/flac", "fLaC"sv},
    {"application/pdf", "%PDF-"sv},
    {"application/zip", "PK\x03\x04"sv},
    {"application/gzip", "\x1f\x8b\x08"sv},
    {"application/x-7z-compressed", "7z\xbc\xaf\x27\x1c"sv},
    {"application/x-rar-compressed", "Rar!\x1a\x07"sv},
    {"application/x-elf",
     "\x7f"
     "ELF"sv},
    {"application/x-msdownload", "MZ"sv},
    {"text/x-shellscript", "#!"sv},
});

// What browsers take for a page, whatever its declared type.
constexpr auto kMarkup = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"<!doctype html", "text/html"},
    {"<html", "text/html"},
    {"<head", "text/html"},
    {"<script", "text/html"},
    {"<body", "text/html"},
    {"<iframe", "text/html"},
    {"<svg", "image/svg+xml"},
    {"<?xml", "text/xml"},
});

bool Has(std::string_view bytes, std::string_view what, size_t at) {
  return bytes.size() >= at + what.size() && bytes.substr(at, what.size()) == what;
}

std::string Essence(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return Lower(type);
}

// Different names of one thing, and containers that are known by their content's first bytes.
bool MayBe(std::string_view shown, std::string_view declared) {
  if (shown == declared) return true;
  constexpr auto kSame = std::to_array<std::pair<std::string_view, std::string_view>>({
      {"image/jpeg", "image/jpg"},
      {"image/heic", "image/heif"},
      {"image/heif", "image/heic"},
      {"image/heif", "image/avif"},
      {"video/webm", "video/x-matroska"},
      {"video/webm", "audio/webm"},
      {"video/mp4", "audio/mp4"},
      {"video/mp4", "video/quicktime"},
      {"video/mp4", "image/heic"},
      {"video/mp4", "image/avif"},
      {"audio/wav", "audio/x-wav"},
      {"audio/ogg", "video/ogg"},
      {"audio/ogg", "application/ogg"},
      {"audio/mpeg", "audio/mp3"},
      {"application/zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
      {"application/zip", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
      {"application/zip", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
      {"application/zip", "application/epub+zip"},
      {"application/zip", "application/java-archive"},
      {"application/zip", "application/vnd.android.package-archive"},
      {"application/gzip", "application/x-gzip"},
      {"text/xml", "application/xml"},
      {"text/xml", "image/svg+xml"},
  });
  return std::any_of(kSame.begin(), kSame.end(),
                     [&](const auto& pair) { return pair.first == shown && pair.second == declared; });
}

// Kinds of which each file begins with its signature.
bool AlwaysShows(std::string_view type) {
  constexpr auto kTypes =
      std::to_array<std::string_view>({"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp",
                                       "application/pdf", "application/zip"});
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

}  // namespace

std::string_view SniffType(std::string_view first_bytes) {
  for (const Signature& one : kSignatures) {
    if (Has(first_bytes, one.bytes, one.at) && Has(first_bytes, one.more, one.more_at)) return one.type;
  }
  const size_t begin = first_bytes.find_first_not_of(" \t\r\n\f\xef\xbb\xbf");
  if (begin == std::string_view::npos) return "";
  const std::string text = Lower(first_bytes.substr(begin));
  for (const auto& [tag, type] : kMarkup) {
    if (text.starts_with(tag)) return type;
  }
  return "";
}

bool AllowsType(const std::vector<std::string>& allowed, std::string_view type) {
  if (allowed.empty()) return true;
  const std::string essence = Essence(type);
  return std::any_of(allowed.begin(), allowed.end(), [&](const std::string& one) {
    if (!one.ends_with("/*")) return Essence(one) == essence;
    return essence.starts_with(Essence(one.substr(0, one.size() - 1)));
  });
}

absl::Status CheckFirstBytes(const std::vector<std::string>& allowed, std::string_view declared,
                             std::string_view first_bytes) {
  if (allowed.empty() || first_bytes.empty()) return absl::OkStatus();
  const std::string_view shown = SniffType(first_bytes.substr(0, kSniffedBytes));
  const std::string type = Essence(declared);
  const bool wrong = shown.empty()
                         ? AlwaysShows(type)
                         : !MayBe(shown, type) && (AlwaysShows(type) || !AllowsType(allowed, shown));
  if (!wrong) return absl::OkStatus();
  return Fail(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED",
              "the bytes are not the " + type + " that was declared" +
                  (shown.empty() ? std::string() : ", but " + std::string(shown)) +
                  "; the grant limits what may be stored")
      .With("field", "content_type");
}

}  // namespace sluice::gateway
