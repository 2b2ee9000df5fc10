// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/grants.h"

#include <algorithm>

#include "common/base/status.h"

namespace sluice::broker {
namespace {

bool Equals(const boost::json::value& value, const std::string& wanted) {
  return value.is_string() &&
         std::string_view(value.get_string().data(), value.get_string().size()) == wanted;
}

bool Matches(const boost::json::object& claims, const std::string& name, const std::string& wanted) {
  const auto* claim = claims.if_contains(name);
  if (claim == nullptr) return false;
  if (!claim->is_array()) return Equals(*claim, wanted);
  const auto& members = claim->get_array();
  return std::any_of(members.begin(), members.end(),
                     [&](const auto& member) { return Equals(member, wanted); });
}

std::string Names(const std::vector<const Grant*>& grants) {
  std::string out;
  for (const Grant* grant : grants) out += (out.empty() ? "" : ",") + grant->name;
  return out;
}

}  // namespace

bool Holds(const identity::Caller& caller, const Grant& grant) {
  return std::any_of(grant.who.begin(), grant.who.end(), [&](const Who& who) {
    return who.provider == caller.provider &&
           std::all_of(who.claims.begin(), who.claims.end(),
                       [&](const auto& claim) { return Matches(caller.claims, claim.first, claim.second); });
  });
}

std::vector<const Grant*> Grants::HeldBy(const identity::Caller& caller) const {
  std::vector<const Grant*> out;
  for (const Grant& grant : grants_) {
    if (Holds(caller, grant)) out.push_back(&grant);
  }
  return out;
}

absl::StatusOr<const Grant*> Grants::Choose(const identity::Caller& caller, std::string_view name) const {
  const std::vector<const Grant*> held = HeldBy(caller);
  if (name.empty() && held.size() == 1) return held.front();
  if (name.empty() && held.size() > 1) {
    return Fail(absl::StatusCode::kFailedPrecondition, "GRANT_AMBIGUOUS",
                "several grants are yours; name one of them: " + Names(held))
        .With("grants", Names(held));
  }
  const auto found =
      std::find_if(held.begin(), held.end(), [&](const Grant* grant) { return grant->name == name; });
  if (found != held.end()) return *found;
  return Fail(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD",
              held.empty() ? std::string("no grant is yours; ask the operator to add one for this caller")
                           : "this grant is not yours; yours are: " + Names(held))
      .With("grants", Names(held));
}

}  // namespace sluice::broker
