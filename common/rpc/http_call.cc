// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/http_call.h"

#include <chrono>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace sluice::rpc {
namespace {

std::string Joined(const http::RequestHead& head, std::string_view wanted) {
  std::string out;
  for (const auto& [name, value] : head.headers) {
    if (http::SameName(name, wanted)) out += (out.empty() ? "" : ",") + value;
  }
  return out;
}

}  // namespace

CallContext ContextOf(const http::RequestHead& head, CancelToken cancel) {
  CallContext out;
  out.peer = head.peer;
  out.tls = head.tls;
  out.authorization = Joined(head, "Authorization");
  out.ticket = Joined(head, "X-Sluice-Ticket");
  out.client_certificate = head.client_certificate;
  out.forwarded_for = Joined(head, "X-Forwarded-For");
  out.forwarded_proto = Joined(head, "X-Forwarded-Proto");
  out.cancel = std::move(cancel);
  out.request_id = NewRequestId();
  out.trace_id = TraceIdOf(http::FindHeader(head.headers, "traceparent"));
  return out;
}

http::Answer JsonAnswer(int status, std::string body) {
  http::Answer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  answer.body = std::move(body);
  return answer;
}

http::Answer RefusalAnswer(const absl::Status& given, const std::string& request_id) {
  const absl::Status status = Presentable(given);
  http::Answer answer = JsonAnswer(HttpStatusOf(status.code()), ErrorJson(status, request_id));
  if (const auto delay = RetryDelay(status))
    answer.headers.emplace_back("Retry-After",
                                std::to_string(std::chrono::ceil<std::chrono::seconds>(*delay).count()));
  if (status.code() == absl::StatusCode::kUnauthenticated)
    answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

}  // namespace sluice::rpc
