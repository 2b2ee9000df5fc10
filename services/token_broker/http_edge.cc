// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/http_edge.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>

#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/units.h"
#include "common/http/target.h"
#include "common/rpc/http_call.h"
#include "common/rpc/status_mapping.h"

namespace sluice::broker {
namespace {

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

// `ticket` is no part of the request, but the caller's proof.
absl::StatusOr<IssueTokenRequest> ReadQuery(const http::Target& target, std::string& ticket) {
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
    } else if (name == "ticket") {
      ticket += (ticket.empty() ? "" : ",") + value;
    } else {
      return Malformed("the query takes grant, path, operations, ttl and ticket");
    }
  }
  return out;
}

// What the stock SDKs read.
http::Answer SdkAnswer(const IssueTokenResponse& issued) {
  const Time expires{std::chrono::seconds(issued.expire_time().seconds())};
  return rpc::JsonAnswer(200, boost::json::serialize(boost::json::object{
                                  {"StatusCode", 200},
                                  {"AccessKeyId", issued.credentials().access_key_id()},
                                  {"AccessKeySecret", issued.credentials().access_key_secret()},
                                  {"SecurityToken", issued.credentials().security_token()},
                                  {"Expiration", IsoExtended(expires)}}));
}

http::Answer SdkRefusal(const absl::Status& given, const std::string& request_id, bool real_status) {
  const absl::Status status = rpc::Presentable(given);
  const int code = rpc::HttpStatusOf(status.code());
  http::Answer answer = rpc::RefusalAnswer(status, request_id);
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
    "GET  /get_sts_token      grant, path, operations, ttl, ticket in the query; what the OSS mobile SDKs "
    "read\n"
    "POST /v1/tokens:issue    JSON of sluice.token.v1.IssueTokenRequest, and so on\n"
    "POST /v1/urls:sign       SignUrlRequest\n"
    "POST /v1/forms:sign      SignPostFormRequest\n"
    "POST /v1/uploads:plan    PlanUploadRequest\n"
    "POST /v1/tickets:issue   IssueTicketRequest\n"
    "POST /v1/access:explain  ExplainAccessRequest\n"
    "GET  /v1/grants          what this caller may ask for\n\n"
    "Each takes `Authorization: Bearer <JWT>`, or `X-Sluice-Ticket: <ticket>`, or a client certificate.\n";

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
  HttpExchange(std::shared_ptr<Api> api, const HttpEdge::Options& options, http::RequestHead head)
      : api_(std::move(api)), options_(options), head_(std::move(head)) {}
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
    const Route* route = FindRoute(path);
    if (route != nullptr && route->http_method == head_.method) {
      if (route->call != nullptr) return (this->*route->call)(context, std::move(respond));
      return GetStsToken(*target, std::move(context), std::move(respond));
    }
    if (path == "/" && head_.method == "GET") {
      http::Answer answer;
      answer.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}};
      answer.body =
          kIndex + LinesToCopy(options_.development_issuer, http::FindHeader(head_.headers, "Host"));
      return respond(std::move(answer));
    }
    const bool known = path == "/" || route != nullptr;
    const absl::Status unknown = known ? Fail(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN",
                                              "this address takes another method; see GET /")
                                       : Fail(absl::StatusCode::kNotFound, "METHOD_UNKNOWN",
                                              "there is nothing at this address; see GET /");
    http::Answer answer = rpc::RefusalAnswer(unknown, context.request_id);
    if (known) {
      answer.status = 405;
      answer.headers.emplace_back("Allow", route == nullptr ? "GET" : route->http_method);
    }
    respond(std::move(answer));
  }

 private:
  // An address, its verb, and what it calls; no call for /get_sts_token, which is of another shape.
  struct Route {
    std::string_view path;
    const char* http_method;
    void (HttpExchange::*call)(const rpc::CallContext&, Respond);
  };
  static const Route* FindRoute(std::string_view path) {
    static constexpr std::array kRoutes = std::to_array<Route>({
        {"/get_sts_token", "GET", nullptr},
        {"/v1/tokens:issue", "POST", &HttpExchange::Call<&Api::IssueToken>},
        {"/v1/urls:sign", "POST", &HttpExchange::Call<&Api::SignUrl>},
        {"/v1/forms:sign", "POST", &HttpExchange::Call<&Api::SignPostForm>},
        {"/v1/uploads:plan", "POST", &HttpExchange::Call<&Api::PlanUpload>},
        {"/v1/tickets:issue", "POST", &HttpExchange::Call<&Api::IssueTicket>},
        {"/v1/access:explain", "POST", &HttpExchange::Call<&Api::ExplainAccess>},
        {"/v1/grants", "GET", &HttpExchange::Call<&Api::ListGrants>},
    });
    const auto* found =
        std::find_if(kRoutes.begin(), kRoutes.end(), [&](const Route& route) { return route.path == path; });
    return found == kRoutes.end() ? nullptr : found;
  }

  rpc::CallContext Context() const {
    rpc::CallContext out = rpc::ContextOf(head_, cancel_.token());
    out.keepalive = api_;
    return out;
  }

  void GetStsToken(const http::Target& target, rpc::CallContext context, Respond respond) {
    auto done = [respond = std::move(respond), id = context.request_id,
                 real = options_.real_status_codes](absl::StatusOr<IssueTokenResponse> issued) mutable {
      respond(issued.ok() ? SdkAnswer(*issued) : SdkRefusal(issued.status(), id, real));
    };
    auto request = ReadQuery(target, context.ticket);
    if (!request.ok()) return done(request.status());
    api_->IssueToken(*std::move(request), std::move(context), std::move(done));
  }

  // The proto's JSON in, the proto's JSON out. A GET has no body, and asks with an empty message.
  template <auto kMethod>
  void Call(const rpc::CallContext& context, Respond respond) {
    CallMethod(kMethod, context, std::move(respond));
  }
  template <typename Request, typename Answer>
  void CallMethod(void (Api::*method)(Request, rpc::CallContext, Api::Done<Answer>),
                  const rpc::CallContext& context, Respond respond) {
    auto request =
        head_.method == "GET" ? absl::StatusOr<Request>(Request()) : ReadJson<Request>(head_, body_);
    if (!request.ok()) return respond(rpc::RefusalAnswer(request.status(), context.request_id));
    ((*api_).*method)(
        *std::move(request), context,
        [respond = std::move(respond), id = context.request_id](absl::StatusOr<Answer> answer) mutable {
          respond(answer.ok() ? rpc::JsonAnswer(200, WriteJson(*answer))
                              : rpc::RefusalAnswer(answer.status(), id));
        });
  }

  const std::shared_ptr<Api> api_;
  const HttpEdge::Options& options_;
  const http::RequestHead head_;
  std::string body_;
  CancelSource cancel_;
};

}  // namespace

std::unique_ptr<http::Exchange> HttpEdge::Start(http::RequestHead head) {
  return std::make_unique<HttpExchange>(api_(), options_, std::move(head));
}

http::CorsRule PagesMayAsk(std::vector<std::string> origins) {
  return {std::move(origins),
          {"GET", "POST"},
          {"Authorization", "Content-Type", "X-Sluice-Ticket", "X-Sluice-Route", "traceparent"},
          {"Date", "Retry-After", "X-Request-Id"}};
}

}  // namespace sluice::broker
