// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/identity/ticket.h"
#include "services/token_broker/access.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// A ticket that may be sealed: everything was judged.
struct TicketPlan {
  Access access;
  // Without an id.
  identity::Ticket ticket;
};

// Judges a request for a ticket: for oneself by one's own grants, for a subject that is named by the grants
// that name the caller under `delegates`. Pure. Besides the reasons of JudgeAccess: `TICKET_NOT_ALLOWED`,
// `DELEGATION_NOT_GRANTED`, `REQUEST_INVALID`, `TTL_INVALID`.
absl::StatusOr<TicketPlan> PlanTicket(const Judge& judge, const token::v1::IssueTicketRequest& request,
                                      Time now);

}  // namespace sluice::broker
