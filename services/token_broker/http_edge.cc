// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/http_edge.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/units.h"
#include "common/http/target.h"
#include "common/rpc/status_mapping.h"

namespace sluice::broker {
namespace {

using token::v1::ExplainAccessRequest;
using token::v1::ExplainAccessResponse;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;

Failure Malformed(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED", what);
}

// `UPLOAD,LIST`
absl::Status ReadOperations(std::string_view text, IssueTokenRequest& out) {
  while (!text.empty()) {
    const std::string name(text.substr(0, text.find(',')));
    text.remove_prefix(std::min(text.size(), name.size() + 1));
    Operation operation;
    if (!token::v1::Operation_Parse("OPERATION_" + name, &operation) ||
        operation == token::v1::OPERATION_UNSPECIFIED)
      return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                  "operations is a list such as UPLOAD,LIST of UPLOAD, RESUME, TAG, DOWNLOAD, LIST, DELETE");
    out.add_operations(operation);
  }
  return absl::OkStatus();
}

absl::StatusOr<IssueTokenRequest> ReadQuery(const http::Target& target) {
  IssueTokenRequest out;
  std::vector<std::string> seen;
  for (const auto& [name, value] : target.query) {
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return Malformed("the query names " + name.substr(0, 64) + " twice");
    seen.push_back(name);
    if (name == "grant") {
      out.set_grant(value);
    } else if (name == "path") {
      out.set_path(value);
    } else if (name == "operations") {
      if (absl::Status read = ReadOperations(value, out); !read.ok()) return read;
    } else if (name == "ttl") {
      const auto ttl = ParseDuration(value);
      if (!ttl)
        return Fail(absl::StatusCode::kInvalidArgument, "TTL_INVALID",
                    "ttl is a duration such as 900s, 15m or 1h");
      out.mutable_ttl()->set_seconds(ttl->count());
    } else {
      return Malformed("the query takes grant, path, operations and ttl");
    }
  }
  return out;
}

http::Answer Json(int status, std::string body) {
  http::Answer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  answer.body = std::move(body);
  return answer;
}

http::Answer Refusal(const absl::Status& given, const std::string& request_id) {
  const absl::Status status = rpc::Presentable(given);
  http::Answer answer = Json(rpc::HttpStatusOf(status.code()), rpc::ErrorJson(status, request_id));
  if (const auto delay = RetryDelay(status))
    answer.headers.emplace_back("Retry-After",
                                std::to_string(std::chrono::ceil<std::chrono::seconds>(*delay).count()));
  if (status.code() == absl::StatusCode::kUnauthenticated)
    answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

// What the stock SDKs read.
http::Answer SdkAnswer(const IssueTokenResponse& issued) {
  const Time expires{std::chrono::seconds(issued.expire_time().seconds())};
  return Json(200, boost::json::serialize(
                       boost::json::object{{"StatusCode", 200},
                                           {"AccessKeyId", issued.credentials().access_key_id()},
                                           {"AccessKeySecret", issued.credentials().access_key_secret()},
                                           {"SecurityToken", issued.credentials().security_token()},
                                           {"Expiration", IsoExtended(expires)}}));
}

http::Answer SdkRefusal(const absl::Status& given, const std::string& request_id, bool real_status) {
  const absl::Status status = rpc::Presentable(given);
  const int code = rpc::HttpStatusOf(status.code());
  http::Answer answer = Refusal(status, request_id);
  answer.status = real_status ? code : 200;
  answer.body =
      boost::json::serialize(boost::json::object{{"StatusCode", code},
                                                 {"ErrorCode", Reason(status)},
                                                 {"ErrorMessage", std::string(FromAbsl(status.message()))},
                                                 {"RequestId", request_id}});
  return answer;
}

template <typename Message>
absl::StatusOr<Message> ReadJson(const http::RequestHead& head, const std::string& body) {
  const std::string_view type = http::FindHeader(head.headers, "Content-Type");
  if (!type.starts_with("application/json")) return Malformed("send Content-Type: application/json");
  // Stricter than protobuf's reader, which takes duplicates and odd JSON.
  if (!ParseJson(body).ok()) return Malformed("the body is not one JSON document with each member once");
  Message out;
  const auto read = google::protobuf::util::JsonStringToMessage(body, &out);
  if (!read.ok()) {
    return Malformed("the body is not the JSON of " + Message::descriptor()->name() + ": " +
                     std::string(read.message().data(), std::min<size_t>(read.message().size(), 200)));
  }
  return out;
}

template <typename Message>
std::string WriteJson(const Message& message) {
  std::string out;
  (void)google::protobuf::util::MessageToJsonString(message, &out);
  return out;
}

constexpr char kIndex[] =
    "sluice-broker: scoped credentials for Alibaba Cloud OSS\n\n"
    "GET  /get_sts_token      grant, path, operations, ttl in the query; what the OSS mobile SDKs read\n"
    "POST /v1/tokens:issue    JSON of sluice.token.v1.IssueTokenRequest\n"
    "POST /v1/access:explain  JSON of sluice.token.v1.ExplainAccessRequest\n\n"
    "Each takes `Authorization: Bearer <JWT>`.\n";

// Lines for a person at a development broker, with the address that they used themselves.
std::string LinesToCopy(const std::string& issuer, std::string_view host) {
  const bool plain =
      host.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]") ==
      std::string_view::npos;
  if (issuer.empty() || host.empty() || !plain) return {};
  return "\nTo copy, beside a sandbox:\n  JWT=$(curl -s '" + issuer + "/token?subject=alice')\n" +
         "  curl -H \"Authorization: Bearer $JWT\" http://" + std::string(host) + "/get_sts_token\n";
}

class HttpExchange final : public http::Exchange {
 public:
  HttpExchange(Api& api, HttpEdge::Options options, http::RequestHead head)
      : api_(api), options_(options), head_(std::move(head)) {}
  ~HttpExchange() override { cancel_.Cancel(); }

  absl::Status OnBody(std::string_view piece) override {
    body_ += piece;
    return absl::OkStatus();
  }

  void OnEnd(Respond respond) override {
    const auto target = http::ParseTarget(head_.target);
    const std::string path = target ? target->path : "";
    rpc::CallContext context = Context();
    respond = [respond = std::move(respond), id = context.request_id](http::Answer answer) mutable {
      answer.headers.emplace_back("X-Request-Id", id);
      respond(std::move(answer));
    };
    if (path == "/get_sts_token" && head_.method == "GET")
      return GetStsToken(*target, context, std::move(respond));
    if (path == "/v1/tokens:issue" && head_.method == "POST")
      return Call<IssueTokenRequest, IssueTokenResponse>(&Api::IssueToken, context, std::move(respond));
    if (path == "/v1/access:explain" && head_.method == "POST")
      return Call<ExplainAccessRequest, ExplainAccessResponse>(&Api::ExplainAccess, context,
                                                               std::move(respond));
    if (path == "/" && head_.method == "GET") {
      http::Answer answer;
      answer.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}};
      answer.body =
          kIndex + LinesToCopy(options_.development_issuer, http::FindHeader(head_.headers, "Host"));
      return respond(std::move(answer));
    }
    const bool known =
        path == "/" || path == "/get_sts_token" || path == "/v1/tokens:issue" || path == "/v1/access:explain";
    const absl::Status unknown = known ? Fail(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                                              "this address takes another method; see GET /")
                                       : Fail(absl::StatusCode::kNotFound, "METHOD_UNKNOWN",
                                              "there is nothing at this address; see GET /");
    http::Answer answer = Refusal(unknown, context.request_id);
    if (known) {
      answer.status = 405;
      answer.headers.emplace_back("Allow", path.starts_with("/v1/") ? "POST" : "GET");
    }
    respond(std::move(answer));
  }

 private:
  rpc::CallContext Context() const {
    rpc::CallContext out;
    out.peer = head_.peer;
    out.tls = head_.tls;
    // Two proofs are no proof: joined, they are malformed.
    for (const auto& [name, value] : head_.headers) {
      if (http::SameName(name, "Authorization"))
        out.authorization += (out.authorization.empty() ? "" : ",") + value;
    }
    out.cancel = cancel_.token();
    out.request_id = rpc::NewRequestId();
    out.trace_id = rpc::TraceIdOf(http::FindHeader(head_.headers, "traceparent"));
    return out;
  }

  void GetStsToken(const http::Target& target, const rpc::CallContext& context, Respond respond) {
    auto done = [respond = std::move(respond), id = context.request_id,
                 real = options_.real_status_codes](absl::StatusOr<IssueTokenResponse> issued) mutable {
      respond(issued.ok() ? SdkAnswer(*issued) : SdkRefusal(issued.status(), id, real));
    };
    const auto request = ReadQuery(target);
    if (!request.ok()) return done(request.status());
    api_.IssueToken(*request, context, std::move(done));
  }

  template <typename Request, typename Answer>
  void Call(void (Api::*method)(const Request&, const rpc::CallContext&, Api::Done<Answer>),
            const rpc::CallContext& context, Respond respond) {
    const auto request = ReadJson<Request>(head_, body_);
    if (!request.ok()) return respond(Refusal(request.status(), context.request_id));
    (api_.*method)(
        *request, context,
        [respond = std::move(respond), id = context.request_id](absl::StatusOr<Answer> answer) mutable {
          respond(answer.ok() ? Json(200, WriteJson(*answer)) : Refusal(answer.status(), id));
        });
  }

  Api& api_;
  const HttpEdge::Options options_;
  const http::RequestHead head_;
  std::string body_;
  CancelSource cancel_;
};

}  // namespace

std::unique_ptr<http::Exchange> HttpEdge::Start(http::RequestHead head) {
  return std::make_unique<HttpExchange>(api_, options_, std::move(head));
}

}  // namespace sluice::broker
