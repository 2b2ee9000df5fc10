// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/deny_list.h"

#include "common/base/status.h"
#include "common/base/status_macros.h"

namespace sluice::broker {

absl::StatusOr<DenyList> DenyList::Read(const config::v1::DenyList& list) {
  auto invalid = [](std::string_view what) {
    return Fail(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID", what);
  };
  DenyList out;
  for (const auto& entry : list.subjects()) {
    if (entry.subject().empty()) return invalid("an entry of `subjects` names no subject");
    out.subjects_.emplace(entry.provider(), entry.subject());
  }
  for (const std::string& grant : list.grants()) {
    if (grant.empty()) return invalid("an entry of `grants` is empty");
    out.grants_.insert(grant);
  }
  return out;
}

absl::Status DenyList::CheckCaller(const identity::Caller& caller) const {
  RETURN_IF_ERROR(CheckSubject(caller.provider, caller.subject));
  if (caller.ticket && caller.ticket->actor)
    return CheckSubject(caller.ticket->actor->provider, caller.ticket->actor->subject);
  return absl::OkStatus();
}

absl::Status DenyList::CheckSubject(const std::string& provider, const std::string& subject) const {
  if (!subjects_.contains({provider, subject}) && !subjects_.contains({"", subject})) return absl::OkStatus();
  return Fail(absl::StatusCode::kPermissionDenied, "SUBJECT_DENIED",
              "the operator has switched this subject off; tokens, URLs and forms given out before end by "
              "themselves at their own expiry");
}

absl::Status DenyList::CheckGrant(const std::string& grant) const {
  if (!grants_.contains(grant)) return absl::OkStatus();
  return Fail(absl::StatusCode::kPermissionDenied, "GRANT_DENIED",
              "the operator has switched the grant " + grant +
                  " off; tokens, URLs and forms given out before end by themselves at their own expiry")
      .With("grant", grant);
}

}  // namespace sluice::broker
