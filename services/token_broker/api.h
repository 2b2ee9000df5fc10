// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/identity/authenticator.h"
#include "common/rpc/call_context.h"
#include "services/token_broker/deny_list.h"
#include "services/token_broker/issue_shortcut.h"
#include "services/token_broker/issuer.h"
#include "services/token_broker/presigner.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// Every method of sluice.token.v1.TokenBroker, the same for both edges. Thread-safe; never blocks.
class Api {
 public:
  template <typename Answer>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;

  // What the methods work with; all must outlive the Api and the calls under way.
  struct Parts {
    const identity::Authenticator& authenticator;
    const Grants& grants;
    const CurrentDenyList& denied;
    Issuer& issuer;
    Presigner& presigner;
    Load& load;
    BrokerMetrics& metrics;
    // Null where no tickets are made.
    std::shared_ptr<const identity::TicketRing> tickets;
    Audit& audit;
    const Clock& clock;
    std::vector<IpRange> trusted_proxies;
    // Of the upload gateway; empty for none.
    std::string gateway_address;
  };
  explicit Api(Parts parts);

  // Scheme and host of the HTTP listener as callers know it, once its port is known; without it tickets come
  // without an address.
  void SetPublicUrl(std::string url);

  void IssueToken(token::v1::IssueTokenRequest request, rpc::CallContext context,
                  Done<token::v1::IssueTokenResponse> done);
  // The same, before the call is unpacked: what IssueShortcut says.
  std::optional<rpc::Rendered> TryIssueToken(rpc::Arrival& call) { return issue_shortcut_.Try(call); }
  void SignUrl(token::v1::SignUrlRequest request, rpc::CallContext context,
               Done<token::v1::SignUrlResponse> done);
  void SignPostForm(token::v1::SignPostFormRequest request, rpc::CallContext context,
                    Done<token::v1::SignPostFormResponse> done);
  void PlanUpload(token::v1::PlanUploadRequest request, rpc::CallContext context,
                  Done<token::v1::PlanUploadResponse> done);
  void IssueTicket(token::v1::IssueTicketRequest request, rpc::CallContext context,
                   Done<token::v1::IssueTicketResponse> done);
  void ListGrants(token::v1::ListGrantsRequest request, rpc::CallContext context,
                  Done<token::v1::ListGrantsResponse> done);
  void ExplainAccess(token::v1::ExplainAccessRequest request, rpc::CallContext context,
                     Done<token::v1::ExplainAccessResponse> done);

 private:
  using Method = BrokerMetrics::Method;
  class Call;
  // Somebody who was recognised, for the length of a judgement.
  struct Known {
    Asker asker;
    const rpc::CallContext& context;

    Judge judge() const { return asker.judge(); }
    const identity::Caller& caller() const { return *asker.caller; }
  };
  // Takes the call on, recognises the caller, records a stranger, and goes on with `then(known, done)`.
  template <typename Answer, typename Then>
  void WithCaller(Method method, rpc::CallContext context, Done<Answer> done, Then then);

  void IssueKnown(const Known& known, const token::v1::IssueTokenRequest& request,
                  Done<token::v1::IssueTokenResponse> done);
  void SignUrlKnown(const Known& known, const token::v1::SignUrlRequest& request,
                    Done<token::v1::SignUrlResponse> done);
  void SignFormKnown(const Known& known, const token::v1::SignPostFormRequest& request,
                     Done<token::v1::SignPostFormResponse> done);
  void PlanKnown(const Known& known, const token::v1::PlanUploadRequest& request,
                 Done<token::v1::PlanUploadResponse> done);
  absl::StatusOr<token::v1::IssueTicketResponse> TicketKnown(const Known& known,
                                                             const token::v1::IssueTicketRequest& request);
  token::v1::ListGrantsResponse ListKnown(const Known& known) const;
  absl::StatusOr<token::v1::ExplainAccessResponse> ExplainKnown(
      const Known& known, const token::v1::ExplainAccessRequest& request) const;

  const Parts parts_;
  IssueShortcut issue_shortcut_;
  std::mutex mutex_;
  std::string public_url_;  // guarded by mutex_
};

// The Api that serves new calls now. Never null once the listeners are open; a call keeps what it was given.
using ApiSource = std::function<std::shared_ptr<Api>()>;

}  // namespace sluice::broker
