// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/url_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/ttl.h"

namespace sluice::broker {
namespace {

using token::v1::SignUrlRequest;
using token::v1::UrlMethod;

constexpr int kMostPartsAtOnce = 100;

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID", what);
}

// What a method is over HTTP, what it needs, and which fields it takes.
struct MethodRules {
  const char* http_method;
  Operation operation;
  bool takes_type = false;
  bool takes_body = false;
  bool takes_upload_id = false;
  bool takes_parts = false;
};

const MethodRules* RulesOf(UrlMethod method) {
  static constexpr MethodRules kPut{"PUT", token::v1::OPERATION_UPLOAD, true, true};
  static constexpr MethodRules kGet{"GET", token::v1::OPERATION_DOWNLOAD};
  static constexpr MethodRules kHead{"HEAD", token::v1::OPERATION_DOWNLOAD};
  static constexpr MethodRules kDelete{"DELETE", token::v1::OPERATION_DELETE};
  static constexpr MethodRules kInitiate{"POST", token::v1::OPERATION_UPLOAD, true};
  static constexpr MethodRules kPart{"PUT", token::v1::OPERATION_UPLOAD, false, true, true, true};
  static constexpr MethodRules kList{"GET", token::v1::OPERATION_RESUME, false, false, true};
  static constexpr MethodRules kComplete{"POST", token::v1::OPERATION_UPLOAD, false, false, true};
  static constexpr MethodRules kAbort{"DELETE", token::v1::OPERATION_RESUME, false, false, true};
  switch (method) {
    case token::v1::URL_METHOD_PUT:
      return &kPut;
    case token::v1::URL_METHOD_GET:
      return &kGet;
    case token::v1::URL_METHOD_HEAD:
      return &kHead;
    case token::v1::URL_METHOD_DELETE:
      return &kDelete;
    case token::v1::URL_METHOD_INITIATE_MULTIPART:
      return &kInitiate;
    case token::v1::URL_METHOD_UPLOAD_PART:
      return &kPart;
    case token::v1::URL_METHOD_LIST_PARTS:
      return &kList;
    case token::v1::URL_METHOD_COMPLETE_MULTIPART:
      return &kComplete;
    case token::v1::URL_METHOD_ABORT_MULTIPART:
      return &kAbort;
    default:
      return nullptr;
  }
}

// Every field is either taken by the method or not given: what is given and not bound would be a promise that
// nobody keeps.
absl::Status CheckFields(const MethodRules& rules, const SignUrlRequest& request) {
  const std::pair<bool, const char*> unwanted[] = {
      {!request.content_type().empty() && !rules.takes_type, "content_type"},
      {!request.metadata().empty() && !rules.takes_type, "metadata"},
      {!request.content_md5().empty() && !rules.takes_body, "content_md5"},
      {request.has_content_length() && !rules.takes_body, "content_length"},
      {!request.upload_id().empty() && !rules.takes_upload_id, "upload_id"},
      {!request.part_numbers().empty() && !rules.takes_parts, "part_numbers"},
      {!request.tags().empty() && !rules.takes_type, "tags"},
      {request.forbid_overwrite() && !rules.takes_type &&
           request.method() != token::v1::URL_METHOD_COMPLETE_MULTIPART,
       "forbid_overwrite"},
      {request.after_part() != 0 && request.method() != token::v1::URL_METHOD_LIST_PARTS, "after_part"},
      {!request.process().empty() && request.method() != token::v1::URL_METHOD_GET, "process"}};
  for (const auto& [given, field] : unwanted) {
    if (given) return Invalid(std::string("this method takes no ") + field).With("field", field);
  }
  if (rules.takes_upload_id && request.upload_id().empty())
    return Invalid("this method needs upload_id, which INITIATE_MULTIPART's answer holds")
        .With("field", "upload_id");
  const std::string& id = request.upload_id();
  if (id.size() > 256 || !std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
    return Invalid("upload_id is not one of OSS").With("field", "upload_id");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint32_t>> ReadPartNumbers(const SignUrlRequest& request) {
  const auto& numbers = request.part_numbers();
  if (numbers.empty() || numbers.size() > kMostPartsAtOnce)
    return Invalid("give 1 to 100 part_numbers").With("field", "part_numbers");
  std::set<uint32_t> seen;
  for (uint32_t number : numbers) {
    if (number < 1 || number > kMostParts || !seen.insert(number).second)
      return Invalid("a part number is 1 to 10000, each once").With("field", "part_numbers");
  }
  if (numbers.size() > 1 && !request.content_md5().empty())
    return Invalid("content_md5 is for one part").With("field", "content_md5");
  return std::vector<uint32_t>(numbers.begin(), numbers.end());
}

// The headers that an object's metadata becomes, by name.
absl::StatusOr<aliyun::Pairs> MetadataHeaders(const SignUrlRequest& request) {
  aliyun::Pairs out;
  size_t size = 0;
  for (const auto& [name, value] : request.metadata()) {
    const bool named = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (!named || name == "sluice-grant")
      return Invalid("a metadata name is of a-z, 0-9 and -, and not sluice-grant").With("field", "metadata");
    // A header's value begins and ends with a visible character, or its reader would see another one.
    const bool plain = !value.empty() && value.front() != ' ' && value.back() != ' ' &&
                       std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!plain) return Invalid("a metadata value is visible ASCII; encode others").With("field", "metadata");
    size += name.size() + value.size();
    out.emplace_back("x-oss-meta-" + name, value);
  }
  if (size > 8192) return Invalid("the metadata is larger than 8 KiB").With("field", "metadata");
  std::sort(out.begin(), out.end());
  return out;
}

// The one header that an object's tags become; empty without any.
absl::StatusOr<std::string> TaggingHeader(const SignUrlRequest& request) {
  const auto plain = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             std::string_view(" +-=._:/").find(c) != std::string_view::npos;
    });
  };
  if (request.tags_size() > 10) return Invalid("an object has at most 10 tags").With("field", "tags");
  const std::map<std::string, std::string> sorted(request.tags().begin(), request.tags().end());
  std::string out;
  for (const auto& [name, value] : sorted) {
    if (name.empty() || name.size() > 128 || value.size() > 256 || !plain(name) || !plain(value))
      return Invalid(
                 "a tag is a name of 1 to 128 and a value of 0 to 256 of letters, digits, spaces and +-=._:/")
          .With("field", "tags");
    out += (out.empty() ? "" : "&") + crypto::PercentEncode(name) + "=" + crypto::PercentEncode(value);
  }
  return out;
}

absl::Status CheckBody(const SignUrlRequest& request) {
  if (request.has_content_length() && request.content_length() > kLargestBody)
    return Invalid("content_length is at most 5 GiB; larger objects go in parts")
        .With("field", "content_length");
  if (request.content_md5().empty()) return absl::OkStatus();
  const auto md5 = crypto::Base64Decode(request.content_md5());
  if (!md5 || md5->size() != 16)
    return Invalid("content_md5 is 16 bytes in base64").With("field", "content_md5");
  return absl::OkStatus();
}

// A gateway writes what its caller sends, and holds the limits itself.
bool IsGateways(const identity::Caller& caller) { return caller.ticket && caller.ticket->for_gateway; }

absl::Status CheckGatewaysMethod(UrlMethod method) {
  if (method != token::v1::URL_METHOD_GET && method != token::v1::URL_METHOD_DELETE) return absl::OkStatus();
  return Fail(absl::StatusCode::kPermissionDenied, "GATEWAY_NOT_ALLOWED",
              "a gateway writes objects; it reads and deletes none");
}

// Whether this form holds the grant's limits for this method.
absl::Status CheckLimits(const Limits& limits, const SignUrlRequest& request, const std::string& type) {
  const auto length =
      request.has_content_length() ? std::optional(request.content_length()) : std::optional<uint64_t>();
  switch (request.method()) {
    case token::v1::URL_METHOD_PUT:
      if (limits.max_object_bytes != 0 && !limits.advisory && !length)
        return NotEnforceable(
            "a URL without content_length cannot hold max_object_bytes; give the length, or use "
            "SignPostForm");
      return CheckObject(limits, type, length);
    case token::v1::URL_METHOD_INITIATE_MULTIPART:
      return CheckObject(limits, type, std::nullopt);
    case token::v1::URL_METHOD_UPLOAD_PART:
      for (uint32_t number : request.part_numbers()) RETURN_IF_ERROR(CheckPart(limits, number, length));
      return absl::OkStatus();
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<UrlPlan> PlanUrls(const Judge& judge, const SignUrlRequest& request) {
  const MethodRules* rules = RulesOf(request.method());
  if (rules == nullptr) return Invalid("method is not given, or unknown").With("field", "method");
  UrlPlan plan;
  const bool gateway = IsGateways(judge.caller);
  if (gateway) RETURN_IF_ERROR(CheckGatewaysMethod(request.method()));
  // A gateway learns by HEAD whether the object that it wrote is there, and reads none by it.
  const bool head = gateway && request.method() == token::v1::URL_METHOD_HEAD;
  AccessRequest asked{
      request.grant(), request.path(), {head ? token::v1::OPERATION_UPLOAD : rules->operation}};
  if (!request.tags().empty()) asked.operations.push_back(token::v1::OPERATION_TAG);
  ASSIGN_OR_RETURN(plan.access, JudgeAccess(judge, asked));
  const Grant& grant = *plan.access.grant;
  if (head && !grant.operations.contains(token::v1::OPERATION_DOWNLOAD))
    return Fail(absl::StatusCode::kFailedPrecondition, "HEAD_NOT_GRANTED",
                "the grant " + grant.name + " gives no DOWNLOAD, so its objects cannot be asked about");
  if (!plan.access.scope.is_object)
    return Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID",
                "a URL is for one object; name it, without a / at the end");
  RETURN_IF_ERROR(CheckFields(*rules, request));
  ASSIGN_OR_RETURN(plan.life, ChooseSignedTtl(grant, request.has_ttl() ? &request.ttl() : nullptr));
  if (rules->takes_parts) {
    ASSIGN_OR_RETURN(plan.part_numbers, ReadPartNumbers(request));
  }
  RETURN_IF_ERROR(CheckBody(request));
  const std::string type =
      request.content_type().empty() ? "application/octet-stream" : request.content_type();
  if (rules->takes_type && !IsContentType(type))
    return Invalid("content_type is not type/subtype").With("field", "content_type");
  if (!gateway) RETURN_IF_ERROR(CheckLimits(grant.limits, request, type));
  ASSIGN_OR_RETURN(const std::string tagging, TaggingHeader(request));
  if (request.after_part() > kMostParts)
    return Invalid("after_part is 0 to 10000").With("field", "after_part");
  if (!request.process().empty())
    RETURN_IF_ERROR(CheckProcess(request.process(), grant.process, plan.access.prefix));

  aliyun::OssRequest base{rules->http_method, grant.bucket, plan.access.scope.target, {}, {}, {}};
  if (rules->takes_type) {
    ASSIGN_OR_RETURN(base.headers, MetadataHeaders(request));
    base.headers.emplace_back("Content-Type", type);
    plan.carries_metadata = true;
  }
  if (!tagging.empty()) base.headers.emplace_back("x-oss-tagging", tagging);
  if (request.forbid_overwrite()) base.headers.emplace_back("x-oss-forbid-overwrite", "true");
  if (request.after_part() != 0)
    base.query.emplace_back("part-number-marker", std::to_string(request.after_part()));
  if (!request.content_md5().empty()) base.headers.emplace_back("Content-MD5", request.content_md5());
  if (request.has_content_length()) {
    base.headers.emplace_back("Content-Length", std::to_string(request.content_length()));
    base.additional_headers = {"content-length"};
  }
  // Its body is XML: a client that names a type by itself, as browsers do for text, would break the
  // signature.
  if (request.method() == token::v1::URL_METHOD_COMPLETE_MULTIPART)
    base.headers.emplace_back("Content-Type", "application/xml");
  if (request.method() == token::v1::URL_METHOD_INITIATE_MULTIPART) base.query.emplace_back("uploads", "");
  if (rules->takes_upload_id) base.query.emplace_back("uploadId", request.upload_id());
  if (!request.process().empty()) base.query.emplace_back("x-oss-process", request.process());
  if (plan.part_numbers.empty()) {
    plan.requests.push_back(std::move(base));
    return plan;
  }
  for (uint32_t number : plan.part_numbers) {
    plan.requests.push_back(base);
    plan.requests.back().query.emplace_back("partNumber", std::to_string(number));
  }
  return plan;
}

}  // namespace sluice::broker
