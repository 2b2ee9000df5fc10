// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/identity/caller.h"
#include "services/token_broker/prefix_template.h"
#include "services/token_broker/scope.h"

namespace sluice::broker {

// Callers of one provider whose claims all match.
struct Who {
  std::string provider;
  // Equal to the caller's claim, or one of its members where that is an array of texts.
  std::map<std::string, std::string> claims;
};

// Who may ask, and for what. A value, checked at load.
struct Grant {
  std::string name;
  std::vector<Who> who;
  std::string role_arn;
  std::string bucket;
  std::string region;
  // Scheme and host.
  std::string endpoint;
  PrefixTemplate prefix;
  std::set<Operation> operations;
  std::chrono::seconds default_ttl{3600};
  std::chrono::seconds max_ttl{3600};
};

bool Holds(const identity::Caller& caller, const Grant& grant);

// Every grant of a config. Unchanging, pure.
class Grants {
 public:
  explicit Grants(std::vector<Grant> grants) : grants_(std::move(grants)) {}

  const std::vector<Grant>& all() const { return grants_; }
  std::vector<const Grant*> HeldBy(const identity::Caller& caller) const;
  // The grant of that name, or the only one held when `name` is empty. `PERMISSION_DENIED` `GRANT_NOT_HELD`,
  // the same whether a grant of that name exists; `FAILED_PRECONDITION` `GRANT_AMBIGUOUS` with the names.
  absl::StatusOr<const Grant*> Choose(const identity::Caller& caller, std::string_view name) const;

 private:
  const std::vector<Grant> grants_;
};

}  // namespace sluice::broker
