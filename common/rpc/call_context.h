// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/base/ip_range.h"
#include "common/rpc/arrival.h"

namespace sluice::rpc {

// What an edge knows about a call, whichever way it came. A value.
struct CallContext {
  // Numeric address of the peer, without the port.
  std::string peer;
  bool tls = false;
  // The authorization header as sent; empty without one. A secret: never logged.
  std::string authorization;
  // The ticket as sent; empty without one. A secret: never logged.
  std::string ticket;
  // PEM of the certificate that the listener has verified; empty without one.
  std::string client_certificate;
  // `X-Forwarded-For`, several joined with commas, and `X-Forwarded-Proto`; believed only by BelieveProxies.
  std::string forwarded_for;
  std::string forwarded_proto;
  Deadline deadline = Deadline::After(std::chrono::seconds(10));
  // Cancelled when the caller no longer waits.
  CancelToken cancel;
  // What the call is served by, which must not end before it. Null where that outlives all calls.
  std::shared_ptr<const void> keepalive;
  // 16 hex digits, made here; in every answer, log and audit line.
  std::string request_id;
  // 32 hex digits: the caller's W3C trace, or a new one.
  std::string trace_id;
};

std::string NewRequestId();

// The trace id of a `traceparent` header; a new one when it is absent or malformed.
std::string TraceIdOf(std::string_view traceparent);

// Where the peer is a trusted proxy, puts what it says into `peer` and `tls`: the last forwarded address that
// is not itself trusted, and whether the proto is `https`. An address that is none ends the search: what
// stands before it could be anybody's word. Pure.
void BelieveProxies(const std::vector<IpRange>& trusted, CallContext& context);
void BelieveProxies(const std::vector<IpRange>& trusted, Arrival& arrival);

// The numeric address in gRPC's form of a peer: `ipv4:1.2.3.4:567` or `ipv6:%5B::1%5D:567`. Empty for others.
std::string AddressOf(std::string_view grpc_peer);

}  // namespace sluice::rpc
