// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_endpoint.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <vector>

#include "common/base/iso_time.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "services/sandbox/form_data.h"
#include "services/sandbox/oss_access.h"
#include "services/sandbox/oss_operation.h"
#include "services/sandbox/oss_xml.h"
#include "services/sandbox/post_object.h"
#include "services/sandbox/refusal_log.h"

namespace sluice::sandbox {
namespace {

struct Route {
  // As faults and stats name it.
  const char* operation = "other";
  const char* action = nullptr;
  Outcome (*act)(const OssContext&, ContentPtr) = nullptr;
  // The queries it understands, besides those of a signature.
  std::vector<std::string_view> queries;
};

Fault NotImplemented(std::string what) {
  return {400,
          "NotImplemented",
          "A header or query you provided implies functionality that is not implemented.",
          "",
          "this sandbox does not imitate " + std::move(what),
          {}};
}

// `bucket.rest` in Host, or `/bucket/key` where Host is an address or localhost.
void Locate(OssCall& call) {
  std::string host(http::FindHeader(call.head.headers, "Host"));
  host = host.substr(
      0, host.rfind(':') == std::string::npos || host.ends_with(']') ? host.size() : host.rfind(':'));
  const bool address = host.empty() || host == "localhost" ||
                       host.find_first_not_of("0123456789.") == std::string::npos || host.starts_with('[');
  std::string path = call.target.path.substr(1);
  if (address) {
    call.bucket = path.substr(0, path.find('/'));
    call.key = path.size() > call.bucket.size() ? path.substr(call.bucket.size() + 1) : "";
    return;
  }
  const std::string first = host.substr(0, host.find('.'));
  if (first.starts_with("oss-")) {  // a region's host without a bucket, then path style
    call.bucket = path.substr(0, path.find('/'));
    call.key = path.size() > call.bucket.size() ? path.substr(call.bucket.size() + 1) : "";
  } else {
    call.bucket = first;
    call.key = path;
    // ali-oss with path style keeps the bucket in Host as well.
    if (path == first || path.starts_with(first + "/"))
      call.key = path.size() > first.size() ? path.substr(first.size() + 1) : "";
  }
}

OrFault<Route> ChooseRoute(const OssCall& call) {
  const std::string& method = call.head.method;
  const bool upload = call.target.Has("uploadId");
  if (call.key.empty()) {
    if (method != "GET") return NotImplemented("this call on a bucket");
    if (call.target.Has("uploads")) {
      return Route{"list_uploads",
                   "oss:ListMultipartUploads",
                   ListUploads,
                   {"uploads", "prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads",
                    "encoding-type"}};
    }
    return Route{"list",
                 "oss:ListObjects",
                 ListObjects,
                 {"list-type", "prefix", "delimiter", "max-keys", "start-after", "continuation-token",
                  "marker", "encoding-type", "fetch-owner"}};
  }
  if (call.target.Has("tagging") && method == "PUT")
    return Route{"tagging", "oss:PutObjectTagging", PutTagging, {"tagging"}};
  if (call.target.Has("tagging") && method == "GET")
    return Route{"tagging", "oss:GetObjectTagging", GetTagging, {"tagging"}};
  if (call.target.Has("tagging") && method == "DELETE")
    return Route{"tagging", "oss:DeleteObjectTagging", DeleteTagging, {"tagging"}};
  if (method == "PUT" && upload)
    return Route{"part", "oss:PutObject", UploadPart, {"partNumber", "uploadId"}};
  if (method == "PUT") return Route{"put", "oss:PutObject", PutObject, {}};
  if (method == "POST" && upload) return Route{"complete", "oss:PutObject", CompleteUpload, {"uploadId"}};
  if (method == "POST" && call.target.Has("uploads"))
    return Route{"initiate", "oss:PutObject", InitiateUpload, {"uploads"}};
  if (method == "GET" && upload)
    return Route{"list_parts", "oss:ListParts", ListParts, {"uploadId", "max-parts", "part-number-marker"}};
  if (method == "GET" && call.target.Has("x-oss-process"))
    return Route{"get", "oss:GetObject", ProcessImage, {"x-oss-process"}};
  if (method == "GET") {
    return Route{"get",
                 "oss:GetObject",
                 GetObject,
                 {"response-content-type", "response-content-language", "response-expires",
                  "response-cache-control", "response-content-disposition", "response-content-encoding"}};
  }
  if (method == "HEAD") return Route{"head", "oss:GetObject", HeadObject, {}};
  if (method == "DELETE" && upload)
    return Route{"abort", "oss:AbortMultipartUpload", AbortUpload, {"uploadId"}};
  if (method == "DELETE") return Route{"delete", "oss:DeleteObject", DeleteObject, {}};
  return Fault{405,
               "MethodNotAllowed",
               "The specified method is not allowed against this resource.",
               "0003-00000016",
               "no such call",
               {{"Method", method}}};
}

bool IsSignatureQuery(std::string_view name) {
  constexpr std::array<std::string_view, 11> kNames = {"x-oss-signature-version",
                                                       "x-oss-credential",
                                                       "x-oss-date",
                                                       "x-oss-expires",
                                                       "x-oss-additional-headers",
                                                       "x-oss-security-token",
                                                       "x-oss-signature",
                                                       "OSSAccessKeyId",
                                                       "Expires",
                                                       "Signature",
                                                       "security-token"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

bool TakesTags(const Route& route) { return route.act == PutObject || route.act == InitiateUpload; }

// What the sandbox would have to do and does not. Listed by what is understood wherever OSS's own list may
// grow.
std::optional<Fault> CheckUnderstood(const OssCall& call, const Route& route) {
  for (const auto& [name, value] : call.target.query) {
    if (!IsSignatureQuery(name) &&
        std::find(route.queries.begin(), route.queries.end(), name) == route.queries.end()) {
      return NotImplemented("the query " + name + " on this call");
    }
  }
  constexpr std::array<std::string_view, 10> kHeaders = {
      "x-oss-date",         "x-oss-security-token", "x-oss-content-sha256",
      "x-oss-object-acl",   "x-oss-storage-class",  "x-oss-user-agent",
      "x-oss-complete-all", "x-oss-range-behavior", "x-oss-forbid-overwrite",
      "x-oss-request-payer"};
  for (const auto& [name, value] : call.head.headers) {
    const bool theirs = name.size() > 6 && http::SameName(std::string_view(name).substr(0, 6), "x-oss-");
    const bool meta = name.size() > 11 && http::SameName(std::string_view(name).substr(0, 11), "x-oss-meta-");
    const bool known = std::any_of(kHeaders.begin(), kHeaders.end(),
                                   [&, header = name](auto one) { return http::SameName(one, header); });
    const bool tags = http::SameName(name, "x-oss-tagging") && TakesTags(route);
    if (theirs && !meta && !known && !tags) return NotImplemented("the header " + name);
  }
  if (const auto kind = http::FindHeader(call.head.headers, "x-oss-storage-class");
      !kind.empty() && kind != "Standard") {
    return NotImplemented("storage classes other than Standard");
  }
  if (call.head.method == "PUT" && http::HasHeader(call.head.headers, "If-Modified-Since"))
    return NotImplemented("conditions on PUT");
  const std::string_view acl = http::FindHeader(call.head.headers, "x-oss-object-acl");
  if (!acl.empty() && acl != "default" && acl != "private" && acl != "public-read" &&
      acl != "public-read-write") {
    return Fault{400,
                 "InvalidArgument",
                 "no such object access control exists",
                 "",
                 "x-oss-object-acl has another value",
                 {}};
  }
  return std::nullopt;
}

// Visible ASCII in one line, for a header.
std::string HeaderSafe(std::string text) {
  for (char& c : text) c = c < 32 || c > 126 ? '?' : c;
  return text.substr(0, 4096);
}

http::Answer Render(const Fault& fault, const http::RequestHead& head, const std::string& request_id) {
  http::Answer answer;
  answer.status = fault.status;
  if (!fault.ec.empty()) answer.headers.emplace_back("x-oss-ec", fault.ec);
  answer.headers.emplace_back("x-sluice-hint", HeaderSafe(fault.hint));
  std::string xml = ErrorXml(fault, request_id, http::FindHeader(head.headers, "Host"));
  answer.headers.emplace_back("Content-Type", "application/xml");
  if (head.method == "HEAD") {
    answer.headers.emplace_back("x-oss-err", crypto::Base64Encode(xml));
  } else {
    answer.body = std::move(xml);
  }
  return answer;
}

// What every answer has, fault or not.
http::Answer Complete(Outcome outcome, const http::RequestHead& head, Time now, telemetry::Log& log) {
  const std::string request_id = crypto::HexUpper(crypto::RandomBytes(12));
  http::Answer answer;
  if (auto* refused = std::get_if<Fault>(&outcome)) {
    LogRefusal(log, "oss", *refused, head, request_id);
    answer = Render(*refused, head, request_id);
  } else {
    answer = std::get<http::Answer>(std::move(outcome));
  }
  answer.headers.emplace_back("Server", "AliyunOSS");
  answer.headers.emplace_back("x-oss-request-id", request_id);
  answer.headers.emplace_back("x-oss-server-time", "1");
  answer.headers.emplace_back("Date", HttpDate(now));
  return answer;
}

// The answer that an order wants in the place of the one that the operation gave, which was carried out.
http::Answer Spoil(http::Answer answer, const FaultDecision& decision, const http::RequestHead& head) {
  using Wish = FaultDecision::Outcome;
  if (decision.wrong_crc || decision.no_part_crc) {
    constexpr std::string_view kCrc = "x-oss-hash-crc64ecma";
    const auto found = std::find_if(answer.headers.begin(), answer.headers.end(),
                                    [&](const auto& header) { return http::SameName(header.first, kCrc); });
    if (found != answer.headers.end() && decision.no_part_crc) {
      answer.headers.erase(found);
    } else if (found != answer.headers.end()) {
      found->second = std::to_string(std::strtoull(found->second.c_str(), nullptr, 10) ^ 1);
    }
    if (decision.no_part_crc) {
      constexpr std::string_view kOpen = "<HashCrc64ecma>";
      constexpr std::string_view kClose = "</HashCrc64ecma>";
      for (size_t at = 0; (at = answer.body.find(kOpen)) != std::string::npos;)
        answer.body.erase(at, answer.body.find(kClose, at) + kClose.size() - at);
    }
  }
  const auto error = [&](int status, const char* code, const char* message) {
    const Fault fault{status, code, message, "", "ordered", {}};
    answer.status = status;
    answer.source = nullptr;
    answer.body = ErrorXml(fault, "0", http::FindHeader(head.headers, "Host"));
  };
  switch (decision.outcome) {
    case Wish::kLost:
      answer.reset = true;
      break;
    case Wish::kCut:
      answer.cut_after = decision.bytes;
      break;
    case Wish::kCallbackFailed:
      error(203, "CallbackFailed", "Error status : 502.");
      break;
    case Wish::kErrorBody:
      error(200, "InternalError", "We encountered an internal error. Please try again.");
      break;
    default:
      break;
  }
  return answer;
}

// One call that is no form: its body is gathered, then an order or the operation answers.
class OssExchange final : public http::Exchange {
 public:
  OssExchange(OrFault<Route> route, OssContext context, FaultScript& faults, OssStats& stats,
              telemetry::Log& log)
      : route_(std::move(route)),
        context_(std::move(context)),
        operation_(std::holds_alternative<Route>(route_) ? std::get<Route>(route_).operation : "other"),
        faults_(faults),
        stats_(stats),
        log_(log),
        body_ends_(faults.BodyReset("oss", operation_, context_.call.key)) {}

  absl::Status OnBody(std::string_view piece) override {
    if (std::holds_alternative<Fault>(route_)) return absl::CancelledError("refused");
    if (body_ends_ && came_ + piece.size() >= *body_ends_) return absl::CancelledError("cut off by an order");
    came_ += piece.size();
    body_.Add(piece);
    return absl::OkStatus();
  }

  void OnEnd(Respond respond) override {
    if (body_ends_) {
      stats_.Count(operation_, context_.call.key, false, true, came_);
      http::Answer cut;
      cut.reset = true;
      return respond(std::move(cut));
    }
    // Held by the answer: whoever waits out a stall may find the peer gone, and this with it.
    struct Turn {
      OrFault<Route> route;
      OssContext context;
      ContentPtr body;
    };
    auto turn = std::make_shared<Turn>(Turn{std::move(route_), std::move(context_), body_.Finish()});
    const std::string key = turn->context.call.key;
    faults_.Serve(
        "oss", operation_, key,
        [turn, operation = operation_, &stats = stats_, &log = log_,
         came = came_](const FaultDecision& decision) {
          using Wish = FaultDecision::Outcome;
          const OssCall& call = turn->context.call;
          const auto count = [&](bool refused, bool broken) {
            stats.Count(operation, call.key, refused, broken, came);
          };
          if (decision.outcome == Wish::kReset || decision.outcome == Wish::kGarbage) {
            count(false, true);
            return BrokenAnswer(decision);
          }
          Outcome outcome = Fault{};
          if (decision.outcome == Wish::kThrottle) {
            outcome =
                Fault{503, "SlowDown", "Please reduce your request rate.", "", "throttled by an order", {}};
          } else if (decision.outcome == Wish::kError) {
            outcome = Fault{decision.status,
                            "InternalError",
                            "We encountered an internal error. Please try again.",
                            "",
                            "ordered",
                            {}};
          } else if (auto* refused = std::get_if<Fault>(&turn->route)) {
            outcome = *refused;
          } else {
            outcome = std::get<Route>(turn->route).act(turn->context, turn->body);
          }
          const bool refused = std::holds_alternative<Fault>(outcome);
          count(refused, decision.outcome != Wish::kServe && !refused);
          return Spoil(Complete(std::move(outcome), call.head, turn->context.now + decision.clock, log),
                       decision, call.head);
        },
        std::move(respond));
  }

 private:
  OrFault<Route> route_;
  OssContext context_;
  const std::string operation_;
  FaultScript& faults_;
  OssStats& stats_;
  telemetry::Log& log_;
  const std::optional<uint64_t> body_ends_;
  uint64_t came_ = 0;
  ContentWriter body_;
};

// What a browser asks before a page's own call; unsigned.
Outcome AnswerBrowser(const Bucket& bucket, const http::RequestHead& head) {
  const auto lacks = [](const std::string& what) {
    return Fault{400,
                 "BadRequest",
                 "Insufficient information. " + what + " header needed.",
                 "",
                 "a preflight names the page's origin and the method that will follow",
                 {}};
  };
  if (!http::HasHeader(head.headers, "Origin")) return lacks("Origin request");
  if (!http::IsPreflight(head)) return lacks("Request Access-Control-Request-Method");
  http::Answer answer = http::AnswerPreflight(bucket.cors, head);
  if (answer.status == 403) {
    return Fault{403,
                 "AccessForbidden",
                 "CORSResponse: This CORS request is not allowed.",
                 "",
                 "no CORS rule of the bucket has this origin, method and headers",
                 {}};
  }
  answer.status = 200;
  return answer;
}

// An answer that is known before the body.
class KnownExchange final : public http::Exchange {
 public:
  explicit KnownExchange(http::Answer answer) : answer_(std::move(answer)) {}
  absl::Status OnBody(std::string_view) override { return absl::CancelledError("no body is wanted"); }
  void OnEnd(Respond respond) override { respond(std::move(answer_)); }

 private:
  http::Answer answer_;
};

// A form upload, judged when it is whole: its signature stands in its fields.
class PostExchange final : public http::Exchange {
 public:
  PostExchange(OssCall call, const World& world, ObjectShelf& shelf, Time now, telemetry::Log& log)
      : head_(call.head), post_(std::move(call), world, shelf), now_(now), log_(log) {}

  absl::Status OnBody(std::string_view piece) override {
    return post_.Feed(piece) ? absl::OkStatus() : absl::CancelledError("refused");
  }
  void OnEnd(Respond respond) override { respond(Complete(post_.Finish(now_), head_, now_, log_)); }

 private:
  const http::RequestHead head_;
  PostObject post_;
  const Time now_;
  telemetry::Log& log_;
};

}  // namespace

std::unique_ptr<http::Exchange> OssEndpoint::Start(http::RequestHead head) {
  if (head.method != "OPTIONS" && !http::HasHeader(head.headers, "Origin")) return StartCall(std::move(head));
  OssCall asked{head, {}, "", "", ""};
  const auto target = http::ParseTarget(head.target);
  if (target) {
    asked.target = *target;
    Locate(asked);
  }
  const Bucket* bucket = world_.FindBucket(asked.bucket);
  if (bucket == nullptr) return StartCall(std::move(head));
  if (head.method == "OPTIONS")
    return std::make_unique<KnownExchange>(Complete(AnswerBrowser(*bucket, head), head, clock_.Now(), log_));
  return http::ReadableExchange(bucket->cors, asked.head, StartCall(std::move(head)));
}

std::unique_ptr<http::Exchange> OssEndpoint::StartCall(http::RequestHead head) {
  OssContext context{{std::move(head), {}, "", "", ""}, shelf_, clock_.Now()};
  OssCall& call = context.call;
  bool is_form = false;
  auto judge = [&]() -> OrFault<Route> {
    auto target = http::ParseTarget(call.head.target);
    if (!target)
      return Fault{400, "InvalidArgument",         "The request target is not well formed.",
                   "",  "broken percent-encoding", {}};
    call.target = *std::move(target);
    Locate(call);
    if (call.bucket.empty()) return NotImplemented("calls on the service, such as ListBuckets");
    if (auto fault = CheckObjectName(call.key)) return *fault;
    const Bucket* bucket = world_.FindBucket(call.bucket);
    if (bucket == nullptr) {
      return Fault{404,
                   "NoSuchBucket",
                   "The specified bucket does not exist.",
                   "0015-00000101",
                   "no such bucket in this sandbox",
                   {{"BucketName", call.bucket}}};
    }
    call.region = bucket->region;
    is_form = IsPostObject(call);
    if (is_form) return Route{};
    auto signer = VerifyOssSignature(call, world_, context.now);
    if (auto* fault = std::get_if<Fault>(&signer)) return *fault;
    auto route = ChooseRoute(call);
    if (std::holds_alternative<Fault>(route)) return route;
    if (auto fault = CheckUnderstood(call, std::get<Route>(route))) return *fault;
    if (auto fault = CheckPolicies(call, std::get<0>(signer).get(), std::get<Route>(route).action))
      return *fault;
    // Tags given with an upload need the right to tag as well.
    if (http::HasHeader(call.head.headers, "x-oss-tagging")) {
      if (auto fault = CheckPolicies(call, std::get<0>(signer).get(), "oss:PutObjectTagging")) return *fault;
    }
    if (call.head.method == "PUT" && !call.head.content_length &&
        http::FindHeader(call.head.headers, "Transfer-Encoding").empty()) {
      return Fault{411, "MissingContentLength",      "You must provide the Content-Length HTTP header.",
                   "",  "no length and not chunked", {}};
    }
    return route;
  };
  auto route = judge();
  if (is_form)
    return std::make_unique<PostExchange>(std::move(context.call), world_, shelf_, context.now, log_);
  return std::make_unique<OssExchange>(std::move(route), std::move(context), faults_, stats_, log_);
}

uint64_t OssEndpoint::BodyLimit(const http::RequestHead& head) const {
  const bool form = !FormDataReader::BoundaryOf(http::FindHeader(head.headers, "Content-Type")).empty();
  return head.method == "PUT" || form ? uint64_t{5} << 30 : uint64_t{4} << 20;
}

}  // namespace sluice::sandbox
