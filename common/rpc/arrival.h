// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::rpc {

// A call as it arrived, before anything of it is copied or parsed. The views live while its shortcut runs.
struct Arrival {
  // Numeric address of the peer, without the port.
  std::string peer;
  bool tls = false;
  // Each empty where there was none. Secrets: never logged.
  std::string_view authorization;
  std::string_view ticket;
  std::string_view forwarded_for;
  std::string_view forwarded_proto;
  std::string_view traceparent;
  // The message, unparsed.
  std::string_view request;
};

// An answer as it goes out: what many calls share, and behind it what is this call's own. Both are whole
// fields of the message.
struct Rendered {
  std::shared_ptr<const std::string> shared;
  std::string own;
};

// Answers a call at once, on the queue's thread, or leaves it to its handler as it came.
using Shortcut = std::function<std::optional<Rendered>(Arrival&)>;

}  // namespace sluice::rpc
