// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "clients/cpp/token_client.h"
#include "clients/cpp/upload_client.h"
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
  // `direct`, `gateway`, or `auto`: as the broker plans it.
  std::string via = "direct";
  // Whether OSS may be spoken to in plain http beyond this machine.
  bool allow_http = false;
  bool json = false;
};
// Asks for a token for that one object, then puts the file straight into OSS; or sends it through the
// gateway, going on with what an earlier command began.
absl::Status RunUpload(client::TokenClient& broker, client::UploadClientOptions gateway,
                       const UploadArguments& arguments, CancelToken cancel);
// The same through the gateway, which needs no broker's address.
absl::Status RunGatewayUpload(client::UploadClientOptions gateway, const UploadArguments& arguments,
                              CancelToken cancel);

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

struct SignUrlArguments {
  std::string grant;
  std::string path;
  // `PUT`, `GET`, `HEAD`, `DELETE`, `INITIATE_MULTIPART`, `UPLOAD_PART`, `LIST_PARTS`, `COMPLETE_MULTIPART`,
  // `ABORT_MULTIPART`
  std::string method = "GET";
  std::string content_type;
  std::string ttl;
  std::string process;
  std::string upload_id;
  // Exact length of the body in bytes; empty for none.
  std::string content_length;
  std::vector<unsigned> parts;
  bool json = false;
};
// Prints the URL alone, and the headers to send on standard error; or everything as JSON.
absl::Status RunSignUrl(client::TokenClient& broker, const SignUrlArguments& arguments, CancelToken cancel);

struct PlanArguments {
  std::string grant;
  std::string path;
  // Bytes, or `5MiB`; empty for not known.
  std::string size;
  std::string content_type;
  // `URL,POST_FORM`
  std::string forms;
};
// Prints the plan as JSON; it holds what was signed.
absl::Status RunPlan(client::TokenClient& broker, const PlanArguments& arguments, CancelToken cancel);

struct TicketArguments {
  std::string grant;
  std::string path;
  std::string operations;
  std::string ttl;
  std::string subject;
  bool json = false;
};
// Prints the address for an OSS SDK, or the ticket alone where the broker has none.
absl::Status RunTicket(client::TokenClient& broker, const TicketArguments& arguments, CancelToken cancel);

absl::Status RunGrants(client::TokenClient& broker, bool json, CancelToken cancel);

// What a reason means and who mends it. `INVALID_ARGUMENT` `USAGE` for one that is none.
absl::Status RunWhy(const std::string& reason);

struct ProveArguments {
  std::string as;
  std::string against;
  std::string grant;
  // Address of a sandbox's identity provider, which mints a JWT for anybody.
  std::string identity;
  // Claims that both JWTs get: `role=editor`.
  std::vector<std::string> claims;
  bool json = false;
};
// Tries to reach what is `against`'s as `as`. `FAILED_PRECONDITION` `ISOLATION_BROKEN` when something did.
absl::Status RunProve(const client::TokenClientOptions& broker, const ProveArguments& arguments);

}  // namespace sluice::cli
