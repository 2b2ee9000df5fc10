// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cpp/token_client.h"
#include "common/base/cancel.h"

// The commands behind `sluice`. Each prints its result on standard output and its progress on standard error,
// and gives the status that decides the exit code.
namespace sluice::cli {

struct TokenArguments {
  std::string grant;
  std::string path;
  // `UPLOAD,LIST`
  std::string operations;
  // `15m`
  std::string ttl;
  // `json` or `env`
  std::string format = "json";
};
absl::Status RunToken(client::TokenClient& broker, const TokenArguments& arguments, CancelToken cancel);

struct UploadArguments {
  std::string grant;
  std::string file;
  // Below the caller's prefix; the file's own name when empty.
  std::string to;
  // By the file's name when empty.
  std::string content_type;
  bool no_overwrite = false;
  // Whether OSS may be spoken to in plain http beyond this machine.
  bool allow_http = false;
  bool json = false;
};
// Asks for a token for that one object, then puts the file straight into OSS.
absl::Status RunUpload(client::TokenClient& broker, const UploadArguments& arguments, CancelToken cancel);

struct DownloadArguments {
  std::string grant;
  std::string path;
  // The path's last segment when empty.
  std::string file;
  bool force = false;
  bool allow_http = false;
  bool json = false;
};
absl::Status RunDownload(client::TokenClient& broker, const DownloadArguments& arguments, CancelToken cancel);

struct ExplainArguments {
  std::string grant;
  // `UPLOAD`
  std::string operation;
  std::string path;
};
// A refusal is printed, and is `PERMISSION_DENIED` with the broker's reason for the exit code.
absl::Status RunExplain(client::TokenClient& broker, const ExplainArguments& arguments, CancelToken cancel);

}  // namespace sluice::cli
