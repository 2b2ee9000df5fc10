// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/world.h"

#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::sandbox {
namespace {

constexpr char kAccount[] = "1000000000000001";
constexpr char kBrokerPolicy[] = R"({"Version":"1","Statement":[
  {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"acs:ram::1000000000000001:role/sluice-uploader"}]})";
constexpr char kTrust[] = R"({"Version":"1","Statement":[
  {"Effect":"Allow","Action":"sts:AssumeRole",
    "Principal":{"RAM":["acs:ram::1000000000000001:role/sluice-broker","acs:ram::1000000000000001:user/broker"]}}]})";
// The broker's own role, as a pod with an OIDC token or an instance has it.
constexpr char kBrokerTrust[] = R"({"Version":"1","Statement":[
  {"Effect":"Allow","Action":"sts:AssumeRole",
    "Principal":{"Federated":["acs:ram::1000000000000001:oidc-provider/sandbox"]},
    "Condition":{"StringEquals":{"oidc:aud":["sts.aliyuncs.com"],"oidc:sub":["system:serviceaccount:sluice:sluice-broker"]}}},
  {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":["ecs.aliyuncs.com"]}}]})";
constexpr char kCeiling[] = R"({"Version":"1","Statement":[
  {"Effect":"Allow","Action":["oss:PutObject","oss:GetObject","oss:DeleteObject","oss:ListParts","oss:AbortMultipartUpload",
    "oss:PutObjectTagging","oss:GetObjectTagging","oss:DeleteObjectTagging"],"Resource":"acs:oss:*:*:sluice-demo/uploads/*"},
  {"Effect":"Allow","Action":"oss:ListObjects","Resource":"acs:oss:*:*:sluice-demo",
    "Condition":{"StringLike":{"oss:Prefix":"uploads/*"}}},
  {"Effect":"Deny","Action":"oss:PutObject","Resource":"*",
    "Condition":{"StringEquals":{"oss:x-oss-object-acl":["public-read","public-read-write"]}}}]})";

// A RAM number of the usual length.
std::string Digits(size_t number) {
  std::string text = std::to_string(number);
  return std::string(17 - text.size(), '0') + text;
}

std::shared_ptr<const Policy> Shared(const char* policy) {
  return std::make_shared<const Policy>(ParsePolicy(policy).value());
}

}  // namespace

World::World(std::string account, std::vector<Principal> users, std::vector<Role> roles,
             std::vector<Bucket> buckets, std::string instance_role)
    : account_(std::move(account)), instance_role_(std::move(instance_role)) {
  size_t count = 0;
  for (auto& user : users) {
    std::string id = user.access_key_id;
    user.id = "2" + Digits(++count);
    user.trusted_as = user.arn;
    keys_[id] = std::make_shared<const Principal>(std::move(user));
  }
  for (auto& role : roles) {
    role.id = "3" + Digits(++count);
    roles_[role.name] = role;
  }
  for (auto& bucket : buckets) buckets_[bucket.name] = bucket;
}

namespace {

// What a web page needs for uploads and downloads straight to a bucket; a real one names the app's own
// origin.
http::CorsRule AnyPage() {
  return {{"*"},
          {"GET", "PUT", "POST", "DELETE", "HEAD"},
          {"*"},
          {"ETag", "x-oss-request-id", "x-oss-hash-crc64ecma", "x-oss-object-type", "x-oss-version-id"}};
}

}  // namespace

std::unique_ptr<World> World::Default() {
  Principal broker;
  broker.arn = "acs:ram::" + std::string(kAccount) + ":user/broker";
  broker.access_key_id = "SANDBOXBROKERKEYID00";
  broker.secret = SecretString("sandbox-broker-secret");
  broker.identity_policy = Shared(kBrokerPolicy);
  Role uploader{"sluice-uploader", "", std::chrono::hours(1), ParsePolicy(kTrust, PolicyKind::kTrust).value(),
                Shared(kCeiling)};
  Role role{"sluice-broker", "", std::chrono::hours(1), ParsePolicy(kBrokerTrust, PolicyKind::kTrust).value(),
            broker.identity_policy};
  return std::make_unique<World>(kAccount, std::vector<Principal>{broker}, std::vector<Role>{uploader, role},
                                 std::vector<Bucket>{{"sluice-demo", "cn-hangzhou", {AnyPage()}}},
                                 "sluice-broker");
}

std::shared_ptr<const Principal> World::FindKey(std::string_view access_key_id) const {
  std::lock_guard lock(mutex_);
  auto found = keys_.find(access_key_id);
  return found == keys_.end() ? nullptr : found->second;
}

const Role* World::FindRole(std::string_view name) const {
  auto found = roles_.find(name);
  return found == roles_.end() ? nullptr : &found->second;
}

const Bucket* World::FindBucket(std::string_view name) const {
  auto found = buckets_.find(name);
  return found == buckets_.end() ? nullptr : &found->second;
}

std::shared_ptr<const Principal> World::IssueSession(const Role& role, std::string_view session_name,
                                                     std::optional<Policy> session_policy, Time now,
                                                     std::chrono::seconds life) {
  auto session = std::make_shared<Principal>();
  session->arn = "acs:ram::" + account_ + ":assumed-role/" + role.name + "/" + std::string(session_name);
  session->id = role.id + ":" + std::string(session_name);
  session->access_key_id = "STS." + crypto::HexUpper(crypto::RandomBytes(12));
  session->secret = SecretString(crypto::HexLower(crypto::RandomBytes(22)));
  session->security_token = SecretString("CAIS" + crypto::Base64Encode(crypto::RandomBytes(180)));
  session->expires = std::chrono::floor<std::chrono::seconds>(now) + life;
  session->trusted_as = RoleArn(role);
  session->identity_policy = role.policy;
  session->session_policy = std::move(session_policy);
  std::lock_guard lock(mutex_);
  while (!ends_.empty() && ends_.begin()->first + std::chrono::hours(24) < now) {
    keys_.erase(ends_.begin()->second);
    ends_.erase(ends_.begin());
  }
  keys_[session->access_key_id] = session;
  ends_.emplace(*session->expires, session->access_key_id);
  return session;
}

}  // namespace sluice::sandbox
