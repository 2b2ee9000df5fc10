// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/secret_string.h"
#include "common/http/cors.h"
#include "services/sandbox/policy_check.h"

namespace sluice::sandbox {

// A RAM user, or a session of a role when `security_token` is set.
struct Principal {
  // `acs:ram::<account>:user/<name>` or `acs:ram::<account>:assumed-role/<role>/<session>`.
  std::string arn;
  // Of a user its number, of a session `<role number>:<session name>`.
  std::string id;
  std::string access_key_id;
  SecretString secret;
  SecretString security_token;
  std::optional<Time> expires;
  // What trust policies call it: the user's ARN, or that of a session's role.
  std::string trusted_as;
  // Shared by the sessions of a role.
  std::shared_ptr<const Policy> identity_policy;
  std::optional<Policy> session_policy;

  bool is_session() const { return expires.has_value(); }
};

struct Role {
  std::string name;
  // Digits, given by the world.
  std::string id;
  std::chrono::seconds max_session{3600};
  Policy trust;
  std::shared_ptr<const Policy> policy;
};

struct Bucket {
  std::string name;
  std::string region;
  std::vector<http::CorsRule> cors;
};

// Who and what exists. Users, roles and buckets stand still after start; sessions come and go, in O(log n)
// each. Thread-safe.
class World {
 public:
  World(std::string account, std::vector<Principal> users, std::vector<Role> roles,
        std::vector<Bucket> buckets, std::string instance_role = "");
  // The constants that demo, tests and outside clients use; see the README.
  static std::unique_ptr<World> Default();

  const std::string& account() const { return account_; }
  std::shared_ptr<const Principal> FindKey(std::string_view access_key_id) const;
  const Role* FindRole(std::string_view name) const;
  const Bucket* FindBucket(std::string_view name) const;
  // The role whose sessions the instance's metadata hands out; null without one.
  const Role* instance_role() const { return FindRole(instance_role_); }
  // `acs:ram::<account>:role/<name>`.
  std::string RoleArn(const Role& role) const { return "acs:ram::" + account_ + ":role/" + role.name; }

  // A new session of `role`. Sessions that ended a day ago are forgotten, and their keys unknown from then
  // on.
  std::shared_ptr<const Principal> IssueSession(const Role& role, std::string_view session_name,
                                                std::optional<Policy> session_policy, Time now,
                                                std::chrono::seconds life);

 private:
  const std::string account_;
  const std::string instance_role_;
  std::map<std::string, Role, std::less<>> roles_;
  std::map<std::string, Bucket, std::less<>> buckets_;
  mutable std::mutex mutex_;
  // Both guarded by mutex_.
  std::map<std::string, std::shared_ptr<const Principal>, std::less<>> keys_;
  std::multimap<Time, std::string> ends_;  // the sessions' keys by when they end
};

}  // namespace sluice::sandbox
