// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/config_report.h"

#include <algorithm>
#include <set>

#include "services/token_broker/access.h"
#include "services/token_broker/session_policy.h"

namespace sluice::broker {
namespace {

// What a grant has beyond the usual, for a person.
std::string Extras(const Grant& grant) {
  std::string out;
  const Limits& limits = grant.limits;
  if (limits.max_object_bytes != 0)
    out += "; objects to " + std::to_string(limits.max_object_bytes) + " bytes";
  for (const std::string& type : limits.content_types) out += "; type " + type;
  if (limits.binding()) out += "; no token for UPLOAD, since it could not hold that";
  for (const IpRange& range : grant.source_ips) out += "; from " + range.text();
  if (grant.tls_only) out += "; TLS only";
  for (const Who& who : grant.delegates) out += "; tickets for others by " + who.provider;
  return out;
}

// Whether an upload gateway, where there is one, can learn what became of an answer that was lost.
std::string GatewaysSettlement(const Settings& settings, const Grant& grant) {
  if (!settings.identity.gateways || !grant.operations.contains(token::v1::OPERATION_UPLOAD)) return "";
  return grant.operations.contains(token::v1::OPERATION_DOWNLOAD)
             ? "; gateways settle a lost answer by HEAD"
             : "; without DOWNLOAD no HEAD: a gateway's lost answer stays COMPLETION_UNCONFIRMED";
}

}  // namespace

std::vector<std::string> Warnings(const Settings& settings) {
  std::vector<std::string> out;
  if (settings.ephemeral_keys)
    out.push_back("keys.ephemeral_keys: tickets end with this process, and no other replica takes them");
  for (const Grant& grant : settings.grants) {
    const bool open = std::any_of(grant.who.begin(), grant.who.end(), [&](const Who& who) {
      return who.provider == settings.identity.anonymous;
    });
    if (open) {
      out.push_back("grant " + grant.name + " is open to anybody who can reach this broker");
    } else if (!grant.prefix.has_claims()) {
      out.push_back("grant " + grant.name + ": its callers share the prefix " + grant.prefix.text());
    }
    std::set<std::string> providers;
    for (const Who& who : grant.who) providers.insert(who.provider);
    if (providers.size() > 1 && grant.prefix.has_claims())
      out.push_back(
          "grant " + grant.name +
          ": the same claims from several providers are the same prefix; each must be trusted for all");
  }
  return out;
}

std::string DescribeGrants(const Settings& settings) {
  std::string out;
  for (const Grant& grant : settings.grants) {
    const auto policy = WorstPolicy(grant);
    out += "grant " + grant.name + ": " + OperationNames(grant.operations) + " on " + grant.bucket + "/" +
           grant.prefix.text() + " in " + grant.region + " as " + grant.role_arn + ", ttl " +
           std::to_string(grant.default_ttl.count()) + " s, at most " +
           std::to_string(grant.max_ttl.count()) + " s; worst-case policy " +
           std::to_string(policy.ok() ? policy->size() : 0) + " of " + std::to_string(kLargestPolicy) +
           " bytes" + Extras(grant) + GatewaysSettlement(settings, grant) + "\n";
  }
  return out;
}

}  // namespace sluice::broker
