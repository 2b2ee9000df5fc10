// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "common/base/timers.h"
#include "common/http/server.h"
#include "common/telemetry/log.h"
#include "services/sandbox/faults.h"

namespace sluice::sandbox {

// The faults that are armed, at most one of a kind for each service, and the calls that they hold up.
// Thread-safe.
class FaultScript {
 public:
  // How a service answers under a decision: never kStall; BrokenAnswer() helps with kReset and kGarbage.
  using Make = absl::AnyInvocable<http::Answer(const FaultDecision&)>;

  // Both must outlive it.
  FaultScript(Timers& timers, telemetry::Log& log);

  // In force from the next call on; takes the place of an order of that kind for that service.
  void Arm(FaultOrder order);
  // The same from text as the admin port takes it: `service=sts&kind=latency&value=20ms`. Fails as
  // ParseFaultOrder does.
  absl::Status Arm(std::string_view query);
  // Ends the orders of that service and kind, of all where absent, and lets the calls go that a stall held:
  // they are served. How many orders that were.
  size_t Clear(std::optional<std::string_view> service = std::nullopt,
               std::optional<FaultKind> kind = std::nullopt);
  struct Line {
    FaultOrder order;
    uint64_t struck = 0;
    // Whether it would still strike.
    bool armed = false;
  };
  // Those too that are spent, until they are cleared.
  std::vector<Line> List() const;

  // Serves one call, now or later: `make` is called at once, or when a stall ends; its answer goes to
  // `respond`, after the latency. A stalled call whose sandbox stops is reset.
  void Serve(std::string_view service, std::string_view api, Make make, http::Exchange::Respond respond) {
    Serve(service, api, "", std::move(make), std::move(respond));
  }
  // The same for a call about an object, with its key.
  void Serve(std::string_view service, std::string_view api, std::string_view key, Make make,
             http::Exchange::Respond respond);
  // After how many bytes of its body a call is to be reset, if it is; asked once for each call that has a
  // body.
  std::optional<uint64_t> BodyReset(std::string_view service, std::string_view api, std::string_view key);
  // Whether names of objects order faults, as FaultOfName reads them; each then strikes the first call of
  // each operation on that key. Off at first.
  void ListenToNames(bool listen);
  // Resets what is held, and from now on every call that a stall would hold.
  void Stop();

 private:
  struct State;
  // Shared with the alarms that end a stall.
  const std::shared_ptr<State> state_;
};

}  // namespace sluice::sandbox
