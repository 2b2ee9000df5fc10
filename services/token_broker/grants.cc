// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/grants.h"

#include <algorithm>

#include "common/base/status.h"

namespace sluice::broker {
namespace {

namespace json = boost::json;

// A claim by its name, or by the names of an object and its member with a slash between.
const json::value* Find(const json::object& claims, std::string_view name) {
  if (const auto* exact = claims.if_contains({name.data(), name.size()})) return exact;
  for (size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1)) {
    const auto* outer = claims.if_contains({name.data(), slash});
    if (outer == nullptr || !outer->is_object()) continue;
    if (const auto* inner = Find(outer->get_object(), name.substr(slash + 1))) return inner;
  }
  return nullptr;
}

bool Equals(const json::value& value, const std::string& wanted) {
  if (value.is_string())
    return std::string_view(value.get_string().data(), value.get_string().size()) == wanted;
  return (value.is_bool() || value.is_int64() || value.is_uint64()) && json::serialize(value) == wanted;
}

bool Matches(const json::object& claims, const std::string& name, const std::string& wanted) {
  const auto* claim = Find(claims, name);
  if (claim == nullptr) return false;
  if (!claim->is_array()) return Equals(*claim, wanted);
  const auto& members = claim->get_array();
  return std::any_of(members.begin(), members.end(),
                     [&](const auto& member) { return Equals(member, wanted); });
}

// The first entry that is for somebody with this provider and these claims; null when there is none.
const Who* FirstMatch(const std::vector<Who>& entries, const std::string& provider,
                      const json::object& claims) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Who& who) {
    return who.provider == provider &&
           std::all_of(who.claims.begin(), who.claims.end(),
                       [&](const auto& claim) { return Matches(claims, claim.first, claim.second); });
  });
  return found == entries.end() ? nullptr : &*found;
}

std::string Names(const std::vector<const Grant*>& grants) {
  std::string out;
  for (const Grant* grant : grants) out += (out.empty() ? "" : ",") + grant->name;
  return out;
}

// By name, or the only one; null when there is none, an error when there are several.
absl::StatusOr<const Grant*> Pick(const std::vector<const Grant*>& candidates, std::string_view name) {
  if (name.empty() && candidates.size() == 1) return candidates.front();
  if (name.empty() && candidates.size() > 1) {
    return Fail(absl::StatusCode::kFailedPrecondition, "GRANT_AMBIGUOUS",
                "several grants are yours; name one of them: " + Names(candidates))
        .With("grants", Names(candidates));
  }
  const auto found = std::find_if(candidates.begin(), candidates.end(),
                                  [&](const Grant* grant) { return grant->name == name; });
  return found == candidates.end() ? nullptr : *found;
}

}  // namespace

bool Holds(const identity::Caller& caller, const Grant& grant) {
  if (!caller.ticket) return FirstMatch(grant.who, caller.provider, caller.claims) != nullptr;
  if (caller.ticket->grant != grant.name) return false;
  const auto& actor = caller.ticket->actor;
  return actor ? FirstMatch(grant.delegates, actor->provider, actor->claims) != nullptr
               : FirstMatch(grant.who, caller.provider, caller.claims) != nullptr;
}

bool IsDelegate(const identity::Caller& caller, const Grant& grant) {
  return !caller.ticket && !caller.anonymous &&
         FirstMatch(grant.delegates, caller.provider, caller.claims) != nullptr;
}

json::object DecidingClaims(const identity::Caller& caller, const Grant& grant) {
  json::object out;
  for (const auto* entries : {&grant.who, &grant.delegates}) {
    const Who* who = FirstMatch(*entries, caller.provider, caller.claims);
    if (who == nullptr) continue;
    // What was wanted, under the very name it is looked for: an array shrinks to the member that matched.
    for (const auto& [name, wanted] : who->claims) out[name] = wanted;
  }
  for (const std::string& name : grant.prefix.claim_names()) {
    if (const auto* claim = caller.claims.if_contains(name)) out[name] = *claim;
  }
  return out;
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
  auto picked = Pick(held, name);
  if (!picked.ok() || *picked != nullptr) return picked;
  return Fail(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD",
              held.empty() ? std::string("no grant is yours; ask the operator to add one for this caller")
                           : "this grant is not yours; yours are: " + Names(held))
      .With("grants", Names(held));
}

absl::StatusOr<const Grant*> Grants::ChooseToDelegate(const identity::Caller& caller,
                                                      std::string_view name) const {
  std::vector<const Grant*> candidates;
  for (const Grant& grant : grants_) {
    if (IsDelegate(caller, grant)) candidates.push_back(&grant);
  }
  auto picked = Pick(candidates, name);
  if (!picked.ok() || *picked != nullptr) return picked;
  return Fail(absl::StatusCode::kPermissionDenied, "DELEGATION_NOT_GRANTED",
              candidates.empty()
                  ? std::string("no grant names you as a delegate; the operator adds you under `delegates`")
                  : "this grant does not name you as a delegate; these do: " + Names(candidates))
      .With("grants", Names(candidates));
}

}  // namespace sluice::broker
