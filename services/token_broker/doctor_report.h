// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

// What `sluice-broker --doctor` says. Pure; nobody puts a secret into it.
namespace sluice::broker {

enum class Verdict {
  kGood,
  // It works, and something about it should be known.
  kWarning,
  kBad,
  // Not judged, since something before it failed or the grant does not need it.
  kSkipped,
};

struct Finding {
  Verdict verdict = Verdict::kGood;
  // `key`, `sts`, `clock`, `trust`, `life`, `ceiling`, `canary`, `public-acl`, `symlink`, `reach`.
  std::string check;
  // What was looked at: an address, a role, a grant.
  std::string about;
  std::string says;
  // Empty where there is nothing to mend.
  std::string mend;
};

// Whether nothing is bad; warnings are not.
bool IsHealthy(const std::vector<Finding>& findings);

// A line each, then a line that counts them.
std::string ReportText(const std::vector<Finding>& findings);

// `{"healthy": true, "findings": [{"verdict": "ok", "check", "about", "says", "mend"}]}` and a line break.
std::string ReportJson(const std::vector<Finding>& findings);

}  // namespace sluice::broker
