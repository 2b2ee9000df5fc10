// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_plans.h"

#include "common/base/status_macros.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"

namespace sluice::broker {
namespace {

void AddAddress(std::string& out, const void* object) {
  out.append(reinterpret_cast<const char*>(&object), sizeof object);
}

// Everything that a judgement depends on. The address is last but for the request, whose length then says
// where it begins. Until the thread's next.
const std::string& NameOf(const Asker& asker, std::string_view request) {
  thread_local std::string out;  // kept, for its room
  out.clear();
  AddAddress(out, asker.caller.get());
  AddAddress(out, asker.denied.get());
  out += asker.origin.tls ? 't' : 'p';
  out += static_cast<char>(asker.origin.ip.size());
  out += asker.origin.ip;
  out += request;
  return out;
}

}  // namespace

TokenPlans::Plan TokenPlans::Find(const Asker& asker, std::string_view request) {
  const auto found = remembered_.Find(NameOf(asker, request));
  return found != nullptr ? found->plan : nullptr;
}

absl::StatusOr<TokenPlans::Plan> TokenPlans::Get(const Asker& asker,
                                                 const token::v1::IssueTokenRequest& request) {
  const std::string name = NameOf(asker, request.SerializeAsString());
  if (const auto found = remembered_.Find(name)) return found->plan;
  auto planned = std::make_shared<PlannedToken>();
  ASSIGN_OR_RETURN(planned->plan, PlanToken(asker.judge(), request));
  const TokenPlan& plan = planned->plan;
  const Grant& grant = *plan.access.grant;
  auto order = std::make_shared<TokenOrder>();
  // Whole minutes, rounded down: askers within the same minute share a token, and none gets a longer life
  // than it wanted.
  order->life = std::chrono::floor<std::chrono::minutes>(plan.ttl);
  order->key =
      TokenKey(grant.role_arn, asker.caller->provider, asker.caller->subject, plan.policy_json, order->life);
  order->role_arn = grant.role_arn;
  order->subject = asker.caller->subject;
  order->policy_json = plan.policy_json;
  order->least_left = LeastLeft(order->life);
  planned->order = std::move(order);
  planned->policy_sha256 = crypto::HexLower(crypto::Sha256(plan.policy_json));
  // The policy stands in it twice, its parts in the scope once more; and all of it again in an answer, beside
  // a token and a line of the audit.
  const size_t cost = 1536 + name.size() + 3 * plan.policy_json.size() + 2560 + plan.policy_json.size();
  remembered_.Put(name, std::make_shared<const Entry>(Entry{asker.caller, asker.denied, planned}), cost);
  return planned;
}

}  // namespace sluice::broker
