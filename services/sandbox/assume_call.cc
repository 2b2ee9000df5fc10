// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/assume_call.h"

#include <algorithm>
#include <charconv>

#include "common/base/text.h"

namespace sluice::sandbox {
namespace {

bool OnlyOf(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string Parameter(const StsCall& call, const std::string& name) {
  const auto found = call.parameters.find(name);
  return found == call.parameters.end() ? std::string() : found->second;
}

Fault BadParameter(const std::string& name, std::string message, std::string hint) {
  return {400, "InvalidParameter." + name, std::move(message), "", std::move(hint), {}};
}

std::optional<Fault> Missing(const StsCall& call, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (!Parameter(call, name).empty()) continue;
    return Fault{400, std::string("Missing") + name, std::string(name) + " is mandatory for this action.",
                 "",  "a parameter is missing",      {}};
  }
  return std::nullopt;
}

OrFault<AssumeCall> ReadAssumeCall(const StsCall& call) {
  if (auto fault = Missing(call, {"RoleArn", "RoleSessionName"})) return *fault;
  AssumeCall out{Parameter(call, "RoleArn"), Parameter(call, "RoleSessionName")};
  if (!out.role_arn.starts_with("acs:ram::") || out.role_arn.find(":role/") == std::string::npos) {
    return BadParameter("RoleArn", "The parameter RoleArn is wrongly formed.",
                        "it looks like acs:ram::<account>:role/<name>");
  }
  if (out.session.size() < 2 || out.session.size() > 64 || !OnlyOf(out.session, ".@-_")) {
    return BadParameter("RoleSessionName", "The parameter RoleSessionName is wrongly formed.",
                        "2 to 64 of letters, digits and . @ - _");
  }
  return out;
}

const Role* FindAssumed(const World& world, const AssumeCall& call) {
  const std::string start = "acs:ram::" + world.account() + ":role/";
  return call.role_arn.starts_with(start)
             ? world.FindRole(std::string_view(call.role_arn).substr(start.size()))
             : nullptr;
}

OrFault<AssumeTerms> ReadAssumeTerms(const StsCall& call, const Role& role) {
  AssumeTerms out;
  int64_t seconds = 3600;
  if (const std::string text = Parameter(call, "DurationSeconds"); !text.empty()) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size()) seconds = 0;
  }
  if (seconds < 900 || seconds > role.max_session.count()) {
    return BadParameter("DurationSeconds", "The Min/Max value of DurationSeconds is 15min/1hr.",
                        "900 to " + std::to_string(role.max_session.count()) + " for this role");
  }
  out.life = std::chrono::seconds(seconds);
  if (const std::string text = Parameter(call, "Policy"); !text.empty()) {
    if (text.size() > 2048) {
      return BadParameter("PolicySize", "The size of Policy must be smaller than 2048 bytes.",
                          "shorten the policy");
    }
    auto parsed = ParsePolicy(text);
    if (!parsed.ok()) {
      return BadParameter("PolicyGrammar", "The parameter Policy has not passed grammar check.",
                          std::string(FromAbsl(parsed.status().message())));
    }
    out.session_policy = *std::move(parsed);
  }
  return out;
}

}  // namespace sluice::sandbox
