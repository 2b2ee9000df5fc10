// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands.h"

#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "clients/cli/output.h"
#include "clients/cpp/direct_transfer.h"
#include "common/aliyun/oss_object_store.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/base/units.h"
#include "common/http/curl_client.h"

namespace sluice::cli {
namespace {

using token::v1::ExplainAccessRequest;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;
using token::v1::Operation;

Failure Usage(const std::string& what) { return Fail(absl::StatusCode::kInvalidArgument, "USAGE", what); }

Deadline Patience() { return Deadline::After(std::chrono::seconds(15)); }

absl::StatusOr<Operation> ReadOperation(const std::string& name) {
  Operation out;
  if (!token::v1::Operation_Parse("OPERATION_" + name, &out) || out == token::v1::OPERATION_UNSPECIFIED)
    return Usage("an operation is one of UPLOAD, RESUME, TAG, DOWNLOAD, LIST, DELETE; got \"" + name + "\"");
  return out;
}

std::string PrettyJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string out;
  (void)google::protobuf::util::MessageToJsonString(message, &out, options);
  return out;
}

// This machine's clock, put right by what the broker says the time is.
class BrokerClock final : public Clock {
 public:
  explicit BrokerClock(const IssueTokenResponse& token)
      : ahead_(Time(std::chrono::seconds(token.server_time().seconds())) - std::chrono::system_clock::now()) {
  }
  Time Now() const override { return std::chrono::system_clock::now() + ahead_; }

 private:
  const Time::duration ahead_;
};

// What it takes to reach the one object that a token is for.
struct Reach {
  IssueTokenResponse token;
  std::unique_ptr<http::Client> http;
  std::unique_ptr<BrokerClock> clock;
  std::unique_ptr<aliyun::OssObjectStore> store;
};

absl::StatusOr<Reach> ReachObject(client::TokenClient& broker, const IssueTokenRequest& request,
                                  bool allow_http, const CancelToken& cancel) {
  Reach out;
  ASSIGN_OR_RETURN(out.token, broker.IssueToken(request, Patience(), cancel));
  if (!out.token.scope().has_key()) return Usage("name one object; a path that ends in / is a folder");
  const auto& credentials = out.token.credentials();
  out.http = http::MakeCurlClient({});
  out.clock = std::make_unique<BrokerClock>(out.token);
  ASSIGN_OR_RETURN(out.store, aliyun::OssObjectStore::Make(
                                  *out.http,
                                  {out.token.scope().endpoint(), out.token.scope().bucket(),
                                   out.token.scope().region(), allow_http},
                                  {credentials.access_key_id(), SecretString(credentials.access_key_secret()),
                                   SecretString(credentials.security_token()), std::nullopt},
                                  *out.clock));
  return out;
}

// A token for a multipart upload wants RESUME, so that a failed one can be aborted; where the grant gives
// none, the upload goes on without.
absl::StatusOr<Reach> ReachForUpload(client::TokenClient& broker, IssueTokenRequest request, bool multipart,
                                     bool allow_http, const CancelToken& cancel) {
  request.add_operations(token::v1::OPERATION_UPLOAD);
  if (multipart) {
    IssueTokenRequest with_resume = request;
    with_resume.add_operations(token::v1::OPERATION_RESUME);
    auto reach = ReachObject(broker, with_resume, allow_http, cancel);
    if (reach.ok() || Reason(reach.status()) != "SCOPE_NOT_GRANTED") return reach;
  }
  return ReachObject(broker, request, allow_http, cancel);
}

void PrintObject(const char* verb, const Reach& reach, const aliyun::ObjectInfo& info, bool json) {
  const auto& scope = reach.token.scope();
  const std::string crc = info.crc64 ? std::to_string(*info.crc64) : "";
  if (json) {
    std::cout << boost::json::serialize(boost::json::object{{"bucket", scope.bucket()},
                                                            {"key", scope.key()},
                                                            {"sizeBytes", info.size},
                                                            {"etag", info.etag},
                                                            {"crc64", crc},
                                                            {"grantId", reach.token.grant_id()}})
              << "\n";
    return;
  }
  std::cout << verb << " " << scope.bucket() << "/" << scope.key() << ": " << info.size << " bytes, etag "
            << info.etag << (crc.empty() ? ", no CRC-64 from OSS" : ", CRC-64 " + crc + " compared") << "\n";
}

}  // namespace

absl::Status RunToken(client::TokenClient& broker, const TokenArguments& arguments, CancelToken cancel) {
  IssueTokenRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.path);
  for (std::string_view left = arguments.operations; !left.empty();) {
    const std::string name(left.substr(0, left.find(',')));
    left.remove_prefix(std::min(left.size(), name.size() + 1));
    ASSIGN_OR_RETURN(const Operation operation, ReadOperation(name));
    request.add_operations(operation);
  }
  if (!arguments.ttl.empty()) {
    const auto ttl = ParseDuration(arguments.ttl);
    if (!ttl) return Usage("--ttl is a duration such as 900s, 15m or 1h");
    request.mutable_ttl()->set_seconds(ttl->count());
  }
  ASSIGN_OR_RETURN(const IssueTokenResponse token, broker.IssueToken(request, Patience(), std::move(cancel)));
  std::cout << (arguments.format == "env" ? EnvText(token) : PrettyJson(token));
  return absl::OkStatus();
}

absl::Status RunUpload(client::TokenClient& broker, const UploadArguments& arguments, CancelToken cancel) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(arguments.file, error);
  if (error) return Usage("cannot read " + arguments.file + ": " + error.message());
  const std::string name = std::filesystem::path(arguments.file).filename().string();
  client::TransferOptions options;
  options.put.content_type = arguments.content_type.empty() ? ContentTypeOf(name) : arguments.content_type;
  options.put.forbid_overwrite = arguments.no_overwrite;
  options.progress = MakeProgress(isatty(STDERR_FILENO) == 1);
  IssueTokenRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.to.empty() ? name : arguments.to);
  ASSIGN_OR_RETURN(const Reach reach, ReachForUpload(broker, request, client::IsMultipart(size, options),
                                                     arguments.allow_http, cancel));
  ASSIGN_OR_RETURN(const auto info, client::UploadFile(*reach.store, arguments.file,
                                                       reach.token.scope().key(), options, cancel));
  PrintObject("stored", reach, info, arguments.json);
  return absl::OkStatus();
}

absl::Status RunDownload(client::TokenClient& broker, const DownloadArguments& arguments,
                         CancelToken cancel) {
  const std::string file =
      arguments.file.empty() ? std::filesystem::path(arguments.path).filename().string() : arguments.file;
  std::error_code error;
  if (!arguments.force && std::filesystem::exists(file, error))
    return Usage(file + " exists; --force replaces it");
  IssueTokenRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.path);
  request.add_operations(token::v1::OPERATION_DOWNLOAD);
  ASSIGN_OR_RETURN(const Reach reach, ReachObject(broker, request, arguments.allow_http, cancel));
  ASSIGN_OR_RETURN(const auto info,
                   client::DownloadFile(*reach.store, reach.token.scope().key(), file, {}, cancel));
  PrintObject("read", reach, info, arguments.json);
  return absl::OkStatus();
}

absl::Status RunExplain(client::TokenClient& broker, const ExplainArguments& arguments, CancelToken cancel) {
  ExplainAccessRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.path);
  ASSIGN_OR_RETURN(const Operation operation, ReadOperation(arguments.operation));
  request.set_operation(operation);
  ASSIGN_OR_RETURN(const auto answer, broker.ExplainAccess(request, Patience(), std::move(cancel)));
  if (!answer.allowed()) {
    std::cout << "refused: " << answer.reason() << "\n  " << answer.rule() << "\n";
    return Fail(absl::StatusCode::kPermissionDenied, answer.reason(), answer.rule());
  }
  const auto& scope = answer.scope();
  std::cout << "allowed: " << answer.rule() << "\n  reaches " << scope.bucket() << "/"
            << (scope.has_key() ? scope.key() : scope.prefix() + "*") << " in " << scope.region()
            << "\n  policy " << answer.policy_json() << "\n";
  return absl::OkStatus();
}

}  // namespace sluice::cli
