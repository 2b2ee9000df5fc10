// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/fault_script.h"

#include <list>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/http/target.h"

namespace sluice::sandbox {
namespace {

using Outcome = FaultDecision::Outcome;

// A call that waits for its stall to end.
struct Held {
  std::string service;
  FaultDecision decision;
  FaultScript::Make make;
  http::Exchange::Respond respond;
};

}  // namespace

struct FaultScript::State {
  State(Timers& given, telemetry::Log& to) : timers(given), log(to) {}

  // Neither under the lock: `make` and `respond` are others' code.
  void Finish(Held call, Outcome outcome) {
    call.decision.outcome = outcome;
    http::Answer answer = call.make(call.decision);
    if (call.decision.latency.count() == 0) return call.respond(std::move(answer));
    timers.After(call.decision.latency,
                 [respond = std::move(call.respond), answer = std::move(answer)]() mutable {
                   respond(std::move(answer));
                 });
  }

  // Lets go what no stall holds any more.
  void Release() {
    std::list<Held> free;
    Outcome outcome = Outcome::kServe;
    {
      std::lock_guard lock(mutex);
      if (stopped) outcome = Outcome::kReset;
      const auto now = timers.Now();
      for (auto it = held.begin(); it != held.end();) {
        const auto stall = armed.find({it->service, FaultKind::kStall});
        const bool ended =
            stall == armed.end() || (stall->second.end() && *stall->second.end() <= now) || stopped;
        const auto next = std::next(it);
        if (ended) free.splice(free.end(), held, it);
        it = next;
      }
    }
    for (Held& one : free) {
      one.decision.at = timers.Now();
      Finish(std::move(one), outcome);
    }
  }

  Timers& timers;
  telemetry::Log& log;
  mutable std::mutex mutex;
  // All guarded by mutex. By service, then in the order in which kinds are applied.
  std::map<std::pair<std::string, FaultKind>, ArmedFault> armed;
  std::list<Held> held;
  bool stopped = false;
  bool listens_to_names = false;
  // Calls that a name has struck: operation and key.
  std::set<std::string> struck;

  // The fault that this call's key names, where it has not struck yet.
  std::optional<ArmedFault> NamedLocked(std::string_view service, std::string_view api, std::string_view key,
                                        Timers::SteadyTime now) const {
    if (!listens_to_names || service != "oss") return std::nullopt;
    auto order = FaultOfName(key);
    if (!order || struck.contains(std::string(api) + " " + std::string(key))) return std::nullopt;
    return ArmedFault(*std::move(order), now);
  }
  void NoteLocked(std::string_view api, std::string_view key) {
    constexpr size_t kMost = 100'000;
    if (struck.size() < kMost) struck.insert(std::string(api) + " " + std::string(key));
  }
};

FaultScript::FaultScript(Timers& timers, telemetry::Log& log)
    : state_(std::make_shared<State>(timers, log)) {}

void FaultScript::Arm(FaultOrder order) {
  const bool ends = order.kind == FaultKind::kStall && order.lasts;
  {
    std::lock_guard lock(state_->mutex);
    const auto key = std::pair(order.service, order.kind);
    const ArmedFault fault(std::move(order), state_->timers.Now());
    if (ends) {
      state_->timers.At(*fault.end(), [weak = std::weak_ptr(state_)] {
        if (const auto state = weak.lock()) state->Release();
      });
    }
    state_->armed.insert_or_assign(key, fault);
  }
  state_->Release();  // the order before may have held what this one does not
}

absl::Status FaultScript::Arm(std::string_view query) {
  const auto parameters = http::ParseForm(query);
  if (!parameters)
    return Fail(absl::StatusCode::kInvalidArgument, "FAULT_INVALID", "the query is not percent-encoded text");
  auto order = ParseFaultOrder(*parameters);
  if (!order.ok()) return order.status();
  Arm(*std::move(order));
  return absl::OkStatus();
}

size_t FaultScript::Clear(std::optional<std::string_view> service, std::optional<FaultKind> kind) {
  size_t cleared = 0;
  {
    std::lock_guard lock(state_->mutex);
    cleared = std::erase_if(state_->armed, [&](const auto& entry) {
      return entry.first.first == service.value_or(entry.first.first) &&
             entry.first.second == kind.value_or(entry.first.second);
    });
  }
  state_->Release();
  return cleared;
}

std::vector<FaultScript::Line> FaultScript::List() const {
  std::vector<Line> out;
  std::lock_guard lock(state_->mutex);
  const auto now = state_->timers.Now();
  for (const auto& [key, fault] : state_->armed)
    out.push_back({fault.order(), fault.struck(), !fault.Over(now)});
  return out;
}

void FaultScript::ListenToNames(bool listen) {
  std::lock_guard lock(state_->mutex);
  state_->listens_to_names = listen;
}

std::optional<uint64_t> FaultScript::BodyReset(std::string_view service, std::string_view api,
                                               std::string_view key) {
  std::lock_guard lock(state_->mutex);
  const auto now = state_->timers.Now();
  for (auto& [place, fault] : state_->armed) {
    if (place.first != service) continue;
    if (const auto bytes = fault.BodyBytes(api, key, now)) return bytes;
  }
  if (auto named = state_->NamedLocked(service, api, key, now)) {
    if (const auto bytes = named->BodyBytes(api, key, now)) {
      state_->NoteLocked(api, key);
      return bytes;
    }
  }
  return std::nullopt;
}

void FaultScript::Serve(std::string_view service, std::string_view api, std::string_view key, Make make,
                        http::Exchange::Respond respond) {
  Held call{std::string(service), {}, std::move(make), std::move(respond)};
  {
    std::lock_guard lock(state_->mutex);
    const auto now = state_->timers.Now();
    call.decision.at = now;
    for (auto& [place, fault] : state_->armed) {
      if (place.first == service) fault.Apply(api, key, now, call.decision);
    }
    if (auto named = state_->NamedLocked(service, api, key, now)) {
      named->Apply(api, key, now, call.decision);
      if (named->struck() > 0) state_->NoteLocked(api, key);
    }
  }
  const Outcome outcome = call.decision.outcome;
  if (outcome == Outcome::kReset || outcome == Outcome::kStall || outcome == Outcome::kGarbage) {
    state_->log.Write(telemetry::Severity::kInfo, "fault",
                      {{"endpoint", call.service},
                       {"api", std::string(api)},
                       {"kind", outcome == Outcome::kReset   ? "reset"
                                : outcome == Outcome::kStall ? "stall"
                                                             : "garbage"}});
  }
  if (outcome != Outcome::kStall) return state_->Finish(std::move(call), outcome);
  {
    std::lock_guard lock(state_->mutex);
    state_->held.push_back(std::move(call));
  }
  // Cleared, ended or stopped meanwhile: then nobody else would let it go.
  state_->Release();
}

void FaultScript::Stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopped = true;
  }
  state_->Release();
}

}  // namespace sluice::sandbox
