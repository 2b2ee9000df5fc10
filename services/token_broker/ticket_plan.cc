// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/ticket_plan.h"

#include <algorithm>
#include <set>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "services/token_broker/ttl.h"

namespace sluice::broker {
namespace {

constexpr std::chrono::seconds kUsualLife{3600};
const std::set<Operation> kGatewayOperations = {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_RESUME,
                                                token::v1::OPERATION_TAG};

Failure Invalid(const char* field, const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID", what).With("field", field);
}

// What a gateway may ask for: one object of its caller's, to be written.
absl::Status CheckGatewaysWish(const token::v1::IssueTicketRequest& request) {
  const auto refuse = [](const std::string& what) {
    return Fail(absl::StatusCode::kPermissionDenied, "GATEWAY_NOT_ALLOWED", what);
  };
  if (!request.subject().empty() || !request.claims().empty())
    return refuse("a gateway acts for the caller whose proof it shows, and for nobody else");
  if (request.path().empty() || request.path().ends_with('/'))
    return refuse("a gateway's ticket is for one object; name it");
  for (const int operation : request.operations()) {
    if (!kGatewayOperations.contains(static_cast<Operation>(operation)))
      return refuse("a gateway may upload, resume and tag, and nothing else");
  }
  return absl::OkStatus();
}

// Claims that the delegate vouches for may fill the prefix and nothing else.
absl::Status CheckClaims(const Grant& grant, const token::v1::IssueTicketRequest& request) {
  const auto names = grant.prefix.claim_names();
  for (const auto& [name, value] : request.claims()) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      return Invalid("claims", "the grant's prefix names no claim " + name.substr(0, 64));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TicketPlan> PlanTicket(const Judge& judge, const token::v1::IssueTicketRequest& request,
                                      Time now) {
  const identity::Caller& caller = judge.caller;
  if (caller.by_gateway && !caller.ticket) {
    RETURN_IF_ERROR(CheckGatewaysWish(request));
  } else if (caller.ticket || caller.anonymous) {
    return Fail(absl::StatusCode::kPermissionDenied, "TICKET_NOT_ALLOWED",
                caller.ticket ? "a ticket makes no ticket; ask with a JWT or a certificate"
                              : "anonymous callers need no ticket; ask with a JWT or a certificate");
  }
  const AccessRequest asked{
      request.grant(), request.path(), {request.operations().begin(), request.operations().end()}};
  TicketPlan plan;
  identity::Ticket& ticket = plan.ticket;
  if (request.subject().empty()) {
    if (!request.claims().empty()) return Invalid("claims", "claims are for a subject that is named");
    ASSIGN_OR_RETURN(plan.access, JudgeAccess(judge, asked));
    if (caller.by_gateway) {
      std::erase_if(plan.access.scope.operations,
                    [](Operation one) { return !kGatewayOperations.contains(one); });
      if (!plan.access.scope.operations.contains(token::v1::OPERATION_UPLOAD))
        return Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED",
                    "the grant " + plan.access.grant->name + " gives no UPLOAD")
            .With("field", "operations")
            .With("nearest_grant", plan.access.grant->name);
      ticket.for_gateway = true;
    }
    ticket.subject = {caller.provider, caller.subject, DecidingClaims(caller, *plan.access.grant)};
  } else {
    if (request.subject().size() > 1024) return Invalid("subject", "a subject has at most 1024 bytes");
    identity::Caller subject{caller.provider, request.subject(), {}, false, std::nullopt};
    for (const auto& [name, value] : request.claims()) subject.claims[name] = value;
    ASSIGN_OR_RETURN(plan.access, JudgeDelegation(judge, subject, asked));
    RETURN_IF_ERROR(CheckClaims(*plan.access.grant, request));
    ticket.subject = {subject.provider, subject.subject, subject.claims};
    ticket.actor =
        identity::TicketParty{caller.provider, caller.subject, DecidingClaims(caller, *plan.access.grant)};
  }
  const Grant& grant = *plan.access.grant;
  // An upload may take long.
  const auto usual = caller.by_gateway ? grant.max_ticket_ttl : std::min(kUsualLife, grant.max_ticket_ttl);
  ASSIGN_OR_RETURN(const auto life, ChooseTtl(grant, request.has_ttl() ? &request.ttl() : nullptr,
                                              std::chrono::seconds(1), usual, grant.max_ticket_ttl));
  ticket.grant = grant.name;
  ticket.path = request.path();
  for (Operation operation : plan.access.scope.operations)
    ticket.operations.push_back(OperationName(operation));
  ticket.issued = std::chrono::floor<std::chrono::seconds>(now);
  ticket.expires = ticket.issued + life;
  return plan;
}

}  // namespace sluice::broker
