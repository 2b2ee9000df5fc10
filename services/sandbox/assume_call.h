// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>

#include "services/sandbox/fault.h"
#include "services/sandbox/policy_check.h"
#include "services/sandbox/sts_signature.h"
#include "services/sandbox/world.h"

// The parameters that AssumeRole and AssumeRoleWithOIDC share. Pure.
namespace sluice::sandbox {

// Empty where the call has none.
std::string Parameter(const StsCall& call, const std::string& name);
Fault BadParameter(const std::string& name, std::string message, std::string hint);
// The refusal for the first of these that is missing or empty.
std::optional<Fault> Missing(const StsCall& call, std::initializer_list<const char*> names);

// Which role, and the name of the session.
struct AssumeCall {
  std::string role_arn;
  std::string session;
};
OrFault<AssumeCall> ReadAssumeCall(const StsCall& call);
// Null for another account's role too.
const Role* FindAssumed(const World& world, const AssumeCall& call);

// What the session is to be.
struct AssumeTerms {
  std::chrono::seconds life{3600};
  std::optional<Policy> session_policy;
};
OrFault<AssumeTerms> ReadAssumeTerms(const StsCall& call, const Role& role);

}  // namespace sluice::sandbox
