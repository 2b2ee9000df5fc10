// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ip_range.h"
#include "common/identity/caller.h"
#include "services/token_broker/image_process.h"
#include "services/token_broker/limits.h"
#include "services/token_broker/prefix_template.h"
#include "services/token_broker/scope.h"

namespace sluice::broker {

// Callers of one provider whose claims all match.
struct Who {
  std::string provider;
  // Equal to the caller's claim, or one of its members where that is an array; booleans and whole numbers
  // count as their text. `a/b` is the member `b` of the claim `a`, unless a claim has that very name.
  std::map<std::string, std::string> claims;
};

// What OSS calls after a form has stored a file.
struct Callback {
  std::string url;
  std::string body;
  std::string body_type;
};

// Who may ask, and for what. A value, checked at load.
struct Grant {
  std::string name;
  std::vector<Who> who;
  // Callers who may ask for tickets for others.
  std::vector<Who> delegates;
  std::string role_arn;
  std::string bucket;
  std::string region;
  // Scheme and host.
  std::string endpoint;
  PrefixTemplate prefix;
  std::set<Operation> operations;
  std::chrono::seconds default_ttl{3600};
  std::chrono::seconds max_ttl{3600};
  std::chrono::seconds max_ticket_ttl{86400};
  // Networks that callers come from; empty for any.
  std::vector<IpRange> source_ips;
  bool tls_only = false;
  Limits limits;
  ProcessRules process;
  std::optional<Callback> callback;
};

bool Holds(const identity::Caller& caller, const Grant& grant);
// Whether the caller, as itself, may ask for tickets for others.
bool IsDelegate(const identity::Caller& caller, const Grant& grant);
// Those of the caller's claims that decide about the grant, for a ticket to carry: of its first matching
// entry in `who` or `delegates`, and those that the prefix names.
boost::json::object DecidingClaims(const identity::Caller& caller, const Grant& grant);

// Every grant of a config. Unchanging, pure.
class Grants {
 public:
  explicit Grants(std::vector<Grant> grants) : grants_(std::move(grants)) {}

  const std::vector<Grant>& all() const { return grants_; }
  // Of a caller with a ticket: the ticket's grant, as long as its subject holds it or its actor may delegate.
  std::vector<const Grant*> HeldBy(const identity::Caller& caller) const;
  // The grant of that name, or the only one held when `name` is empty. `PERMISSION_DENIED` `GRANT_NOT_HELD`,
  // the same whether a grant of that name exists; `FAILED_PRECONDITION` `GRANT_AMBIGUOUS` with the names.
  absl::StatusOr<const Grant*> Choose(const identity::Caller& caller, std::string_view name) const;
  // The same among the grants that name the caller as a delegate; `PERMISSION_DENIED`
  // `DELEGATION_NOT_GRANTED`.
  absl::StatusOr<const Grant*> ChooseToDelegate(const identity::Caller& caller, std::string_view name) const;

 private:
  const std::vector<Grant> grants_;
};

}  // namespace sluice::broker
