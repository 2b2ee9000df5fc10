// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/session_policy.h"

#include "boost/json.hpp"
#include "common/base/status.h"

namespace sluice::broker {
namespace {

namespace json = boost::json;

// Of the scope, and the prefix of a listing where there is one. Empty when there is none.
json::object Conditions(const Scope& scope, const std::string& listing) {
  json::object out;
  if (scope.tls_only) out["Bool"] = json::object{{"acs:SecureTransport", "true"}};
  if (!scope.source_ips.empty())
    out["IpAddress"] =
        json::object{{"acs:SourceIp", scope.source_ips.size() == 1 ? json::value(scope.source_ips.front())
                                                                   : json::value_from(scope.source_ips)}};
  if (!listing.empty()) out["StringLike"] = json::object{{"oss:Prefix", listing}};
  return out;
}

json::object Allow(json::value actions, const std::string& resource, json::object conditions) {
  json::object out{{"Effect", "Allow"}, {"Action", std::move(actions)}, {"Resource", resource}};
  if (!conditions.empty()) out["Condition"] = std::move(conditions);
  return out;
}

json::value OneOrMany(const std::set<std::string>& texts) {
  if (texts.size() == 1) return json::value(*texts.begin());
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace

std::vector<std::string> ActionsOf(Operation operation) {
  switch (operation) {
    case token::v1::OPERATION_UPLOAD:
      return {"oss:PutObject"};
    case token::v1::OPERATION_RESUME:
      return {"oss:AbortMultipartUpload", "oss:ListParts"};
    case token::v1::OPERATION_TAG:
      return {"oss:PutObjectTagging"};
    case token::v1::OPERATION_DOWNLOAD:
      return {"oss:GetObject"};
    case token::v1::OPERATION_LIST:
      return {"oss:ListObjects"};
    case token::v1::OPERATION_DELETE:
      return {"oss:DeleteObject"};
    default:
      return {};
  }
}

absl::StatusOr<std::string> CompileSessionPolicy(const Scope& scope) {
  auto bad_target = [](std::string_view why) {
    return Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID", why);
  };
  auto bad_operation = [](std::string_view why) {
    return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID", why);
  };
  if (scope.bucket.empty() || scope.target.empty())
    return bad_target("a scope needs a bucket and a prefix or key");
  if (scope.is_object == scope.target.ends_with('/'))
    return bad_target("a prefix ends in / and a key does not");
  if ((scope.bucket + scope.target).find_first_of("*?$") != std::string::npos) {
    return bad_target("the target holds one of * ? $, which policies would read as syntax");
  }
  std::set<std::string> on_objects;
  bool list = false;
  for (Operation operation : scope.operations) {
    const auto actions = ActionsOf(operation);
    if (actions.empty()) return bad_operation("an operation is unknown");
    if (operation == token::v1::OPERATION_LIST) {
      list = true;
    } else {
      on_objects.insert(actions.begin(), actions.end());
    }
  }
  if (scope.operations.empty()) return bad_operation("a scope needs at least one operation");
  if (list && scope.is_object)
    return bad_operation("LIST is for a prefix; a single object is looked at with DOWNLOAD");

  const std::string bucket = "acs:oss:*:*:" + scope.bucket;
  const std::string pattern = scope.target + (scope.is_object ? "" : "*");
  json::array statements;
  if (!on_objects.empty()) {
    statements.push_back(Allow(OneOrMany(on_objects), bucket + "/" + pattern, Conditions(scope, "")));
  }
  if (list) statements.push_back(Allow("oss:ListObjects", bucket, Conditions(scope, pattern)));
  std::string out = json::serialize(json::object{{"Version", "1"}, {"Statement", std::move(statements)}});
  if (out.size() > kLargestPolicy) {
    return Fail(absl::StatusCode::kFailedPrecondition, "POLICY_TOO_LARGE",
                "the session policy has " + std::to_string(out.size()) +
                    " bytes and STS takes 2048; shorten the path or the grant's prefix");
  }
  return out;
}

}  // namespace sluice::broker
