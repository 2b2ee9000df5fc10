// SPDX-License-Identifier: Apache-2.0
#include "clients/cli/commands.h"

#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "clients/cli/broker_clock.h"
#include "clients/cli/isolation_proof.h"
#include "clients/cli/output.h"
#include "clients/cli/resume_file.h"
#include "clients/cpp/direct_transfer.h"
#include "common/aliyun/oss_object_store.h"
#include "common/base/environment.h"
#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/base/units.h"
#include "common/crypto/encoding.h"
#include "common/http/body_client.h"
#include "common/http/curl_client.h"
#include "common/http/split_client.h"
#include "common/http/wait.h"
#include "common/reasons/client.h"
#include "common/reasons/token_broker.h"
#include "common/reasons/upload_gateway.h"

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

template <typename Request>
absl::Status ReadOperations(const std::string& names, Request& out) {
  for (const std::string& name : SplitList(names, ',')) {
    ASSIGN_OR_RETURN(const Operation operation, ReadOperation(name));
    out.add_operations(operation);
  }
  return absl::OkStatus();
}

template <typename Request>
absl::Status ReadTtl(const std::string& text, Request& out) {
  if (text.empty()) return absl::OkStatus();
  const auto ttl = ParseDuration(text);
  if (!ttl) return Usage("--ttl is a duration such as 900s, 15m or 1h");
  out.mutable_ttl()->set_seconds(ttl->count());
  return absl::OkStatus();
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return IsoExtended(Time(std::chrono::seconds(time.seconds())));
}

std::string PrettyJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  std::string out;
  (void)google::protobuf::util::MessageToJsonString(message, &out, options);
  return out;
}

// What it takes to reach the one object that a token is for.
struct Reach {
  IssueTokenResponse token;
  std::unique_ptr<http::Client> calls;
  std::unique_ptr<http::BodyClient> bodies;
  // Bodies by the one, the rest by the other.
  std::unique_ptr<http::Client> http;
  std::unique_ptr<BrokerClock> clock;
  std::unique_ptr<aliyun::OssObjectStore> store;
};

absl::StatusOr<Reach> ReachObject(client::TokenClient& broker, const IssueTokenRequest& request,
                                  bool allow_http, const CancelToken& cancel) {
  Reach out;
  ASSIGN_OR_RETURN(out.token, broker.Ask(request, Patience(), cancel));
  if (!out.token.scope().has_key()) return Usage("name one object; a path that ends in / is a folder");
  const auto& credentials = out.token.credentials();
  out.calls = http::MakeCurlClient({});
  ASSIGN_OR_RETURN(out.bodies, http::MakeBodyClient({}));
  out.http = http::MakeSplitClient(*out.calls, *out.bodies);
  out.clock = std::make_unique<BrokerClock>(out.token.server_time());
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
  RETURN_IF_ERROR(ReadOperations(arguments.operations, request));
  RETURN_IF_ERROR(ReadTtl(arguments.ttl, request));
  ASSIGN_OR_RETURN(const IssueTokenResponse token, broker.Ask(request, Patience(), std::move(cancel)));
  std::cout << (arguments.format == "env" ? EnvText(token) : PrettyJson(token));
  return absl::OkStatus();
}

absl::Status RunGatewayUpload(client::UploadClientOptions gateway, const UploadArguments& arguments,
                              CancelToken cancel) {
  if (gateway.gateways.empty())
    return Fail(absl::StatusCode::kInvalidArgument, "GATEWAY_UNSET",
                "which gateway? give --gateway HOST:PORT, or set SLUICE_GATEWAY");
  ASSIGN_OR_RETURN(const auto file, client::SourceFile::Open(arguments.file));
  const std::string name = std::filesystem::path(arguments.file).filename().string();
  client::UploadOrder order;
  order.grant = arguments.grant;
  order.path = arguments.to.empty() ? name : arguments.to;
  order.content_type = arguments.content_type.empty() ? ContentTypeOf(name) : arguments.content_type;
  order.overwrite = !arguments.no_overwrite;
  const ResumeFile kept(ProcessEnvironment(), gateway.gateways.front(), arguments.file, order.path);
  std::string upload_id = kept.Read();
  const std::string before = upload_id;
  bool told = before.empty();
  std::string saved = before;
  const auto bar = MakeProgress(isatty(STDERR_FILENO) == 1);
  ASSIGN_OR_RETURN(const auto client, client::UploadClient::Make(std::move(gateway)));
  const auto progress = [&](uint64_t committed, uint64_t total) {
    if (!std::exchange(told, true) && total > 0)
      std::cerr << "going on at " << committed * 100 / total << " %\n";
    // At once, for whoever ends this process without a word.
    if (!upload_id.empty() && std::exchange(saved, upload_id) != upload_id) (void)kept.Write(upload_id);
    bar(committed, total);
  };
  const auto object = client->Upload(file, order, upload_id, progress, cancel);
  if (object.ok()) {
    kept.Remove();
  } else if (absl::IsNotFound(object.status()) || upload_id.empty()) {
    kept.Remove();
  } else {
    RETURN_IF_ERROR(kept.Write(upload_id));
    std::cerr << "the same command goes on from here\n";
  }
  RETURN_IF_ERROR(object.status());
  const std::string crc = std::to_string(object->crc64());
  if (arguments.json) {
    std::cout << boost::json::serialize(
                     boost::json::object{{"bucket", object->bucket()},
                                         {"key", object->key()},
                                         {"sizeBytes", object->size_bytes()},
                                         {"etag", object->etag()},
                                         {"crc64", crc},
                                         {"wholeObjectVerified", object->whole_object_verified()}})
              << "\n";
  } else {
    std::cout << "stored " << object->bucket() << "/" << object->key() << ": " << object->size_bytes()
              << " bytes through the gateway, etag " << object->etag() << ", CRC-64 " << crc
              << (object->whole_object_verified() ? " compared" : " not compared") << "\n";
  }
  return absl::OkStatus();
}

namespace {

// Whether the broker would have this file go through the gateway; its address where none was given.
absl::StatusOr<bool> PlansGateway(client::TokenClient& broker, const UploadArguments& arguments,
                                  uint64_t size, client::UploadClientOptions& gateway,
                                  const CancelToken& cancel) {
  const std::string name = std::filesystem::path(arguments.file).filename().string();
  token::v1::PlanUploadRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.to.empty() ? name : arguments.to);
  request.set_size_bytes(size);
  request.set_content_type(arguments.content_type.empty() ? ContentTypeOf(name) : arguments.content_type);
  request.add_forms(token::v1::UPLOAD_FORM_TOKEN);
  request.add_forms(token::v1::UPLOAD_FORM_GATEWAY);
  ASSIGN_OR_RETURN(const auto plan, broker.Ask(request, Patience(), cancel));
  if (plan.form() != token::v1::UPLOAD_FORM_GATEWAY) return false;
  if (gateway.gateways.empty()) gateway.gateways = {plan.gateway().address()};
  return true;
}

}  // namespace

absl::Status RunUpload(client::TokenClient& broker, client::UploadClientOptions gateway,
                       const UploadArguments& arguments, CancelToken cancel) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(arguments.file, error);
  if (error) return Usage("cannot read " + arguments.file + ": " + error.message());
  if (arguments.via == "auto") {
    ASSIGN_OR_RETURN(const bool through, PlansGateway(broker, arguments, size, gateway, cancel));
    if (through) return RunGatewayUpload(std::move(gateway), arguments, std::move(cancel));
  }
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
  ASSIGN_OR_RETURN(const auto answer, broker.Ask(request, Patience(), std::move(cancel)));
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

absl::Status RunSignUrl(client::TokenClient& broker, const SignUrlArguments& arguments, CancelToken cancel) {
  token::v1::SignUrlRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.path);
  token::v1::UrlMethod method;
  if (!token::v1::UrlMethod_Parse("URL_METHOD_" + arguments.method, &method) ||
      method == token::v1::URL_METHOD_UNSPECIFIED)
    return Usage(
        "--method is one of PUT, GET, HEAD, DELETE, INITIATE_MULTIPART, UPLOAD_PART, LIST_PARTS, "
        "COMPLETE_MULTIPART, ABORT_MULTIPART");
  request.set_method(method);
  RETURN_IF_ERROR(ReadTtl(arguments.ttl, request));
  request.set_content_type(arguments.content_type);
  request.set_process(arguments.process);
  request.set_upload_id(arguments.upload_id);
  if (!arguments.content_length.empty()) {
    const auto length = ParseByteSize(arguments.content_length);
    if (!length) return Usage("--content-length is a number of bytes, or such as 5MiB");
    request.set_content_length(*length);
  }
  for (unsigned part : arguments.parts) request.add_part_numbers(part);
  ASSIGN_OR_RETURN(const auto answer, broker.Ask(request, Patience(), std::move(cancel)));
  if (arguments.json) {
    std::cout << PrettyJson(answer);
    return absl::OkStatus();
  }
  for (const auto& url : answer.urls()) {
    std::cout << url.url() << "\n";
    std::cerr << url.http_method() << " until " << TimeText(answer.expire_time());
    for (const auto& [name, value] : url.headers()) std::cerr << "; " << name << ": " << value;
    std::cerr << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunPlan(client::TokenClient& broker, const PlanArguments& arguments, CancelToken cancel) {
  token::v1::PlanUploadRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.path);
  request.set_content_type(arguments.content_type);
  if (!arguments.size.empty()) {
    const auto size = ParseByteSize(arguments.size);
    if (!size) return Usage("--size is a number of bytes, or such as 5MiB");
    request.set_size_bytes(*size);
  }
  for (const std::string& name : SplitList(arguments.forms, ',')) {
    token::v1::UploadForm form;
    if (!token::v1::UploadForm_Parse("UPLOAD_FORM_" + name, &form))
      return Usage("--forms holds some of URL, POST_FORM, PART_URLS, TOKEN, GATEWAY");
    request.add_forms(form);
  }
  ASSIGN_OR_RETURN(const auto answer, broker.Ask(request, Patience(), std::move(cancel)));
  std::cout << PrettyJson(answer);
  return absl::OkStatus();
}

absl::Status RunTicket(client::TokenClient& broker, const TicketArguments& arguments, CancelToken cancel) {
  token::v1::IssueTicketRequest request;
  request.set_grant(arguments.grant);
  request.set_path(arguments.path);
  request.set_subject(arguments.subject);
  RETURN_IF_ERROR(ReadOperations(arguments.operations, request));
  RETURN_IF_ERROR(ReadTtl(arguments.ttl, request));
  ASSIGN_OR_RETURN(const auto answer, broker.Ask(request, Patience(), std::move(cancel)));
  if (arguments.json) {
    std::cout << PrettyJson(answer);
    return absl::OkStatus();
  }
  std::cout << (answer.sts_url().empty() ? answer.ticket() : answer.sts_url()) << "\n";
  std::cerr << "until " << TimeText(answer.expire_time()) << ", for "
            << (answer.scope().has_key() ? answer.scope().key() : answer.scope().prefix() + "*") << "\n";
  return absl::OkStatus();
}

absl::Status RunGrants(client::TokenClient& broker, bool json, CancelToken cancel) {
  ASSIGN_OR_RETURN(const auto answer,
                   broker.Ask(token::v1::ListGrantsRequest(), Patience(), std::move(cancel)));
  if (json) {
    std::cout << PrettyJson(answer);
    return absl::OkStatus();
  }
  if (answer.grants().empty()) std::cout << "no grant is yours\n";
  for (const auto& grant : answer.grants()) {
    const auto& scope = grant.scope();
    std::cout << grant.name() << ": " << scope.bucket() << "/"
              << (scope.has_key() ? scope.key() : scope.prefix()) << " in " << scope.region() << ",";
    for (int operation : scope.operations())
      std::cout << " " << token::v1::Operation_Name(static_cast<Operation>(operation)).substr(10);
    std::cout << ", ttl to " << grant.max_ttl().seconds() << " s";
    if (grant.max_object_bytes() != 0) std::cout << ", objects to " << grant.max_object_bytes() << " bytes";
    for (const std::string& type : grant.content_types()) std::cout << ", " << type;
    if (grant.delegate()) std::cout << ", tickets for others";
    if (!grant.unusable().empty()) std::cout << "; not now: " << grant.unusable();
    std::cout << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunWhy(const std::string& reason) {
  const auto print = [](const reasons::Entry& entry, const char* of) {
    std::cout << entry.reason << " (" << absl::StatusCodeToString(entry.code) << ", " << of << ")\n  "
              << entry.mend << "\n  "
              << (entry.retryable ? "The same request may succeed later by itself."
                                  : "The same request will fail again.")
              << "\n";
  };
  for (const auto& entry : reasons::kTokenBroker) {
    if (entry.reason == reason) return print(entry, "said by the broker"), absl::OkStatus();
  }
  for (const auto& entry : reasons::kUploadGateway) {
    if (entry.reason == reason) return print(entry, "said by the upload gateway"), absl::OkStatus();
  }
  for (const auto& entry : reasons::kClient) {
    if (entry.reason == reason) return print(entry, "said by this client"), absl::OkStatus();
  }
  return Usage(
      reason +
      " is no reason of the broker, the gateway or this client; reasons are written like STS_UNREACHABLE");
}

namespace {

// A JWT for anybody, as only a sandbox's identity provider gives one.
absl::StatusOr<SecretString> MintJwt(http::Client& http, const ProveArguments& arguments,
                                     const std::string& subject) {
  std::string url = arguments.identity + "/token?subject=" + crypto::PercentEncode(subject);
  for (const std::string& claim : arguments.claims) {
    const size_t equals = claim.find('=');
    if (equals == std::string::npos) return Usage("--claim is NAME=VALUE");
    url += "&" + crypto::PercentEncode(claim.substr(0, equals)) + "=" +
           crypto::PercentEncode(claim.substr(equals + 1));
  }
  const auto response = http::SendAndWait(http, {"GET", url, {}, "", nullptr, nullptr}, Patience());
  if (!response.ok() || response->status != 200)
    return Fail(absl::StatusCode::kUnavailable, "IDENTITY_UNREACHABLE",
                "no JWT from " + arguments.identity +
                    "; give --identity the address of a sandbox's identity provider");
  std::string jwt = response->body;
  while (jwt.ends_with('\n')) jwt.pop_back();
  return SecretString(jwt);
}

}  // namespace

absl::Status RunProve(const client::TokenClientOptions& broker, const ProveArguments& arguments) {
  const auto http = http::MakeCurlClient({});
  std::unique_ptr<client::TokenClient> parties[2];
  const std::string subjects[2] = {arguments.as, arguments.against};
  for (int i = 0; i < 2; ++i) {
    client::TokenClientOptions options = broker;
    ASSIGN_OR_RETURN(options.jwt, MintJwt(*http, arguments, subjects[i]));
    ASSIGN_OR_RETURN(parties[i], client::TokenClient::Make(options));
  }
  IsolationOptions options;
  options.grant = arguments.grant;
  options.progress = [](const std::string& line) { std::cerr << "  " << line << "\n"; };
  ASSIGN_OR_RETURN(const IsolationResult result, ProveIsolation(*parties[0], *parties[1], *http, options));
  if (arguments.json) {
    std::cout << boost::json::serialize(
                     boost::json::object{{"attempts", result.attempts},
                                         {"controls", result.controls},
                                         {"exceptions", boost::json::value_from(result.exceptions)}})
              << "\n";
  } else {
    std::cout << result.attempts << " attempts of " << arguments.as << " on what is " << arguments.against
              << "'s, " << result.exceptions.size() << " exceptions; " << result.controls << " things "
              << arguments.as << " may do, tried beside them\n";
    for (const std::string& exception : result.exceptions) std::cout << "  " << exception << "\n";
  }
  if (result.exceptions.empty()) return absl::OkStatus();
  return Fail(absl::StatusCode::kFailedPrecondition, "ISOLATION_BROKEN",
              std::to_string(result.exceptions.size()) + " attempts were not refused, or controls failed");
}

}  // namespace sluice::cli
