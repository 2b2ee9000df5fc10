// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/world_config.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/config_file.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "sluice/config/v1/sandbox_config.pb.h"

namespace sluice::sandbox {
namespace {

using config::v1::SandboxConfig;

bool Only(std::string_view text, std::string_view of, size_t most) {
  return !text.empty() && text.size() <= most && text.find_first_not_of(of) == std::string_view::npos;
}
constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr std::string_view kWord = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

absl::StatusOr<Policy> ReadPolicy(const ConfigSource& source, const std::string& field,
                                  const std::string& text, PolicyKind kind) {
  auto policy = ParsePolicy(text, kind);
  if (!policy.ok()) return source.Error(field, FromAbsl(policy.status().message()));
  return policy;
}

absl::StatusOr<std::shared_ptr<const Policy>> ReadIdentityPolicy(const ConfigSource& source,
                                                                 const std::string& field,
                                                                 const std::string& text) {
  ASSIGN_OR_RETURN(auto policy, ReadPolicy(source, field, text, PolicyKind::kIdentity));
  return std::make_shared<const Policy>(std::move(policy));
}

absl::StatusOr<std::vector<Principal>> ReadUsers(const ConfigSource& source, const SandboxConfig& config) {
  std::vector<Principal> out;
  std::set<std::string> taken;
  for (int i = 0; i < config.users_size(); ++i) {
    const std::string field = "users[" + std::to_string(i) + "]";
    const auto& user = config.users(i);
    if (!Only(user.name(), kWord, 64))
      return source.Error(field + ".name", "must be 1 to 64 letters, digits, . - _");
    if (!Only(user.access_key_id(), kWord, 64) || user.access_key_id().starts_with("STS."))
      return source.Error(field + ".access_key_id", "must be one word that does not begin with STS.");
    if (user.access_key_secret().empty()) return source.Error(field + ".access_key_secret", "is missing");
    if (!taken.insert("name " + user.name()).second || !taken.insert("key " + user.access_key_id()).second)
      return source.Error(field, "has the name or key of another user");
    Principal principal;
    principal.arn = "acs:ram::" + config.account() + ":user/" + user.name();
    principal.access_key_id = user.access_key_id();
    principal.secret = SecretString(user.access_key_secret());
    ASSIGN_OR_RETURN(principal.identity_policy,
                     ReadIdentityPolicy(source, field + ".policy_json", user.policy_json()));
    out.push_back(std::move(principal));
  }
  return out;
}

absl::StatusOr<std::vector<Role>> ReadRoles(const ConfigSource& source, const SandboxConfig& config) {
  std::vector<Role> out;
  std::set<std::string> taken;
  for (int i = 0; i < config.roles_size(); ++i) {
    const std::string field = "roles[" + std::to_string(i) + "]";
    const auto& given = config.roles(i);
    if (!Only(given.name(), kWord, 64) || given.name().find('_') != std::string::npos)
      return source.Error(field + ".name", "must be 1 to 64 letters, digits, . and -");
    if (!taken.insert(given.name()).second) return source.Error(field + ".name", "is taken by another role");
    Role role;
    role.name = given.name();
    if (given.has_max_session_duration())
      role.max_session = std::chrono::seconds(given.max_session_duration().seconds());
    if (role.max_session < std::chrono::hours(1) || role.max_session > std::chrono::hours(12))
      return source.Error(field + ".max_session_duration", "must be 1h to 12h");
    ASSIGN_OR_RETURN(role.trust, ReadPolicy(source, field + ".trust_policy_json", given.trust_policy_json(),
                                            PolicyKind::kTrust));
    ASSIGN_OR_RETURN(role.policy, ReadIdentityPolicy(source, field + ".policy_json", given.policy_json()));
    out.push_back(std::move(role));
  }
  return out;
}

absl::StatusOr<std::vector<http::CorsRule>> ReadCors(const ConfigSource& source, const std::string& bucket,
                                                     const config::v1::SandboxBucket& given) {
  constexpr std::array<std::string_view, 5> kMethods = {"GET", "PUT", "POST", "DELETE", "HEAD"};
  std::vector<http::CorsRule> out;
  for (int i = 0; i < given.cors_size(); ++i) {
    const auto& rule = given.cors(i);
    const std::string field = bucket + ".cors[" + std::to_string(i) + "]";
    if (rule.allowed_origins().empty()) return source.Error(field + ".allowed_origins", "needs one at least");
    if (rule.allowed_methods().empty()) return source.Error(field + ".allowed_methods", "needs one at least");
    for (const std::string& method : rule.allowed_methods()) {
      if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end())
        return source.Error(field + ".allowed_methods", "takes GET, PUT, POST, DELETE and HEAD");
    }
    http::CorsRule read;
    read.origins = {rule.allowed_origins().begin(), rule.allowed_origins().end()};
    read.methods = {rule.allowed_methods().begin(), rule.allowed_methods().end()};
    read.allowed_headers = {rule.allowed_headers().begin(), rule.allowed_headers().end()};
    read.exposed_headers = {rule.expose_headers().begin(), rule.expose_headers().end()};
    if (rule.has_max_age()) read.max_age = std::chrono::seconds(rule.max_age().seconds());
    out.push_back(std::move(read));
  }
  return out;
}

absl::StatusOr<std::vector<Bucket>> ReadBuckets(const ConfigSource& source, const SandboxConfig& config) {
  std::vector<Bucket> out;
  std::set<std::string> taken;
  for (int i = 0; i < config.buckets_size(); ++i) {
    const std::string field = "buckets[" + std::to_string(i) + "]";
    const auto& bucket = config.buckets(i);
    const bool edges = !bucket.name().starts_with('-') && !bucket.name().ends_with('-');
    if (!Only(bucket.name(), kLower, 63) || bucket.name().size() < 3 || !edges)
      return source.Error(field + ".name", "must be 3 to 63 of a-z, 0-9 and -, no - at the ends");
    if (!Only(bucket.region(), kLower, 40))
      return source.Error(field + ".region", "must be a region id such as cn-hangzhou");
    if (!taken.insert(bucket.name()).second)
      return source.Error(field + ".name", "is taken by another bucket");
    ASSIGN_OR_RETURN(auto cors, ReadCors(source, field, bucket));
    out.push_back({bucket.name(), bucket.region(), std::move(cors)});
  }
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<World>> LoadWorld(const std::string& path) {
  SandboxConfig config;
  ASSIGN_OR_RETURN(const ConfigSource source, LoadConfig(path, config));
  if (!Only(config.account(), "0123456789", 20)) return source.Error("account", "must be an account number");
  ASSIGN_OR_RETURN(auto users, ReadUsers(source, config));
  ASSIGN_OR_RETURN(auto roles, ReadRoles(source, config));
  ASSIGN_OR_RETURN(auto buckets, ReadBuckets(source, config));
  if (!config.instance_role().empty()) {
    const auto role = std::find_if(roles.begin(), roles.end(),
                                   [&](const Role& one) { return one.name == config.instance_role(); });
    if (role == roles.end()) return source.Error("instance_role", "must be the name of one of the roles");
    const Ask ask{"sts:AssumeRole", "", "ecs.aliyuncs.com", {}, PrincipalKind::kService};
    if (Evaluate(role->trust, ask).verdict != Verdict::kAllowed)
      return source.Error("instance_role", "must trust the service ecs.aliyuncs.com");
  }
  return std::make_unique<World>(config.account(), std::move(users), std::move(roles), std::move(buckets),
                                 config.instance_role());
}

}  // namespace sluice::sandbox
