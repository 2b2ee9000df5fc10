// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/issue_shortcut.h"

#include <google/protobuf/io/coded_stream.h>

#include <chrono>

#include "absl/cleanup/cleanup.h"
#include "common/base/proto_time.h"
#include "common/rpc/call_context.h"

namespace sluice::broker {
namespace {

// The field that each answer has of its own, `server_time`.
std::string TimeField(Time now) {
  using google::protobuf::io::CodedOutputStream;
  constexpr uint32_t kTag = token::v1::IssueTokenResponse::kServerTimeFieldNumber << 3 | 2;  // with a length
  google::protobuf::Timestamp time;
  SetTime(now, time);
  uint8_t out[64];
  uint8_t* end = CodedOutputStream::WriteTagToArray(kTag, out);
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(time.ByteSizeLong()), end);
  end = time.SerializeWithCachedSizesToArray(end);
  return {reinterpret_cast<const char*>(out), static_cast<size_t>(end - out)};
}

}  // namespace

std::optional<rpc::Rendered> IssueShortcut::Try(rpc::Arrival& call) {
  const auto began = std::chrono::steady_clock::now();
  if (call.authorization.empty() || !call.ticket.empty()) return std::nullopt;
  const Time now = parts_.clock.Now();
  auto caller = parts_.authenticator.Recall(call.authorization, now);
  if (caller == nullptr) return std::nullopt;
  rpc::BelieveProxies(parts_.trusted_proxies, call);
  const Asker asker{parts_.grants, parts_.denied.Get(), std::move(caller), {call.peer, call.tls}};
  const auto planned = parts_.issuer.Planned(asker, call.request);
  if (planned == nullptr) return std::nullopt;
  const auto ready = planned->ready.Get();
  if (ready == nullptr || !ready->token->IsSettled(now) ||
      ready->token->expires - now < planned->order->least_left)
    return std::nullopt;

  // A call that is over a limit is refused by the Api, which takes of the limits anew; what was taken here of
  // the others is then lost to a caller who asks too much anyway.
  if (!parts_.load.Enter().ok()) return std::nullopt;
  const absl::Cleanup leave = [this] { parts_.load.Leave(); };
  if (!parts_.load.TakeOfCaller(*asker.caller, call.peer).ok() ||
      !parts_.load.TakeOfGrant(planned->plan.access.grant->name).ok())
    return std::nullopt;
  const std::string request_id = rpc::NewRequestId();
  const std::string trace_id = rpc::TraceIdOf(call.traceparent);
  if (!parts_.audit.AcceptAgain(ready->audit, {now, request_id, trace_id}).ok()) return std::nullopt;

  parts_.metrics.JwtVerified(true);
  parts_.metrics.TokenAsked(TokenAnswer::kHit);
  parts_.metrics.TokenHandedOut(std::chrono::floor<std::chrono::seconds>(ready->token->expires - now));
  parts_.metrics.Called(BrokerMetrics::Method::kIssueToken, absl::OkStatus(),
                        std::chrono::steady_clock::now() - began);
  return rpc::Rendered{ready->rendered, TimeField(now)};
}

void IssueShortcut::Learn(const IssuedToken& issued, const token::v1::IssueTokenResponse& answer) {
  if (issued.how != TokenAnswer::kHit || !issued.token->IsSettled(issued.now)) return;
  const auto known = issued.planned->ready.Get();
  if (known != nullptr && known->token == issued.token) return;
  token::v1::IssueTokenResponse shared = answer;
  shared.clear_server_time();
  AuditRecord record = issued.record;
  record.scope = std::make_shared<const Scope>(*record.scope);  // its own, or the plan would hold itself
  issued.planned->ready.Set(std::make_shared<const ReadyAnswer>(
      ReadyAnswer{issued.token, std::make_shared<const std::string>(shared.SerializeAsString()),
                  RepeatedAudit(std::move(record))}));
}

}  // namespace sluice::broker
