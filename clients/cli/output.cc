// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/output.h"

#include <array>
#include <cstdio>

#include "common/base/iso_time.h"
#include "common/base/status.h"
#include "common/base/text.h"

namespace sluice::cli {
namespace {

std::string Quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  const std::string reason = Reason(status);
  for (const char* usage : {"BROKER_UNSET", "BROKER_ADDRESS_INVALID", "JWT_UNREADABLE", "JWT_UNUSABLE",
                            "CA_UNREADABLE", "CONFIG_INVALID", "USAGE"}) {
    if (reason == usage) return 2;
  }
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      return 130;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
      return 75;
    default:
      return 1;
  }
}

std::string ErrorText(const absl::Status& status) {
  const std::string reason = Reason(status);
  std::string out =
      "sluice: " + (reason.empty() ? "" : reason + ": ") + std::string(FromAbsl(status.message())) + "\n";
  for (const auto& [key, value] : Metadata(status)) {
    if (!value.empty()) out += "  " + key + ": " + value + "\n";
  }
  if (const auto delay = RetryDelay(status))
    out +=
        "  try again in " + std::to_string(std::chrono::ceil<std::chrono::seconds>(*delay).count()) + " s\n";
  return out;
}

std::string EnvText(const token::v1::IssueTokenResponse& token) {
  const auto& scope = token.scope();
  const Time expires{std::chrono::seconds(token.expire_time().seconds())};
  const std::pair<const char*, std::string> lines[] = {
      {"OSS_ACCESS_KEY_ID", token.credentials().access_key_id()},
      {"OSS_ACCESS_KEY_SECRET", token.credentials().access_key_secret()},
      {"OSS_SESSION_TOKEN", token.credentials().security_token()},
      {"SLUICE_BUCKET", scope.bucket()},
      {"SLUICE_REGION", scope.region()},
      {"SLUICE_ENDPOINT", scope.endpoint()},
      {scope.has_key() ? "SLUICE_KEY" : "SLUICE_PREFIX", scope.has_key() ? scope.key() : scope.prefix()},
      {"SLUICE_EXPIRES", IsoExtended(expires)}};
  std::string out;
  for (const auto& [name, value] : lines) out += "export " + std::string(name) + "=" + Quoted(value) + "\n";
  return out;
}

std::string ContentTypeOf(const std::string& file_name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kTypes = {
      {{"jpg", "image/jpeg"},
       {"jpeg", "image/jpeg"},
       {"png", "image/png"},
       {"gif", "image/gif"},
       {"webp", "image/webp"},
       {"heic", "image/heic"},
       {"mp4", "video/mp4"},
       {"mov", "video/quicktime"},
       {"mp3", "audio/mpeg"},
       {"wav", "audio/wav"},
       {"pdf", "application/pdf"},
       {"zip", "application/zip"},
       {"json", "application/json"},
       {"txt", "text/plain"},
       {"csv", "text/csv"},
       {"md", "text/markdown"}}};
  const size_t dot = file_name.rfind('.');
  std::string end = dot == std::string::npos ? "" : file_name.substr(dot + 1);
  for (char& c : end) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const auto& [name, type] : kTypes) {
    if (end == name) return std::string(type);
  }
  return "application/octet-stream";
}

std::function<void(uint64_t, uint64_t)> MakeProgress(bool terminal) {
  return [terminal, shown = -1](uint64_t done, uint64_t total) mutable {
    const int percent = total == 0 ? 100 : static_cast<int>(done * 100.0 / total);
    if (terminal) {
      const int filled = percent * 30 / 100;
      std::fprintf(stderr, "\r[%-30s] %3d%% of %.1f MiB",
                   std::string(static_cast<size_t>(filled), '#').c_str(), percent,
                   static_cast<double>(total) / 1048576.0);
      if (done == total) std::fputc('\n', stderr);
    } else if (percent / 25 > shown) {
      shown = percent / 25;
      std::fprintf(stderr, "  %d%% of %llu bytes\n", percent, static_cast<unsigned long long>(total));
    }
  };
}

}  // namespace sluice::cli
