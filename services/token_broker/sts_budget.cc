// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/sts_budget.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "services/token_broker/call_pace.h"
#include "services/token_broker/kept_places.h"

namespace sluice::broker {
namespace {

using std::chrono::milliseconds;
using SteadyTime = StsBudget::SteadyTime;

constexpr std::chrono::seconds kPatience{2};
constexpr std::chrono::seconds kBacklog{60};
// A caller admitted later than this before its deadline could do nothing with it.
constexpr milliseconds kForTheCall{200};

Failure Cancelled() {
  return Fail(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the caller no longer waits");
}

Failure Spent(SteadyTime::duration wait, std::string_view text) {
  return Fail(absl::StatusCode::kResourceExhausted, "STS_BUDGET_SPENT", text)
      .RetryAfter(std::chrono::ceil<milliseconds>(std::max<SteadyTime::duration>(wait, milliseconds(1))));
}

}  // namespace

struct StsBudget::State : std::enable_shared_from_this<StsBudget::State> {
  // Who goes first, then the number of the place.
  using Key = std::pair<int, uint64_t>;
  struct Waiter {
    std::string turn;
    Done done;
    Timers::Id leave = 0;
  };

  State(uint32_t share, Timers& the_timers, Jitter the_jitter)
      : timers(the_timers), jitter(std::move(the_jitter)), pace(share, timers.Now()) {}

  static Key KeyOf(Urgency urgency, uint64_t number) { return {urgency == Urgency::kShared ? 0 : 1, number}; }

  std::optional<absl::Status> Enter(Urgency urgency, std::string turn, Deadline deadline, Done& done,
                                    Key& key, SteadyTime& now) {
    std::lock_guard lock(mutex);
    now = timers.Now();
    if (urgency == Urgency::kAhead) return Ahead(now);
    const auto place = turn.empty() ? std::nullopt : places.Take(turn, now);
    key = KeyOf(urgency, place ? place->number : ++last_number);
    if ((waiting.empty() || key < waiting.begin()->first) && pace.Take(now)) return absl::OkStatus();
    const SteadyTime at = TurnOf(key, place, now);
    if (at > std::min(now + kPatience, deadline.at() - kForTheCall))
      return Refuse(turn, key.second, place.has_value(), at, now);
    const SteadyTime leave = deadline.at() - kForTheCall;
    const auto id = timers.At(leave, [weak = weak_from_this(), key] {
      if (const auto state = weak.lock()) state->Leave(key, false);
    });
    waiting.emplace(key, Waiter{std::move(turn), std::move(done), id});
    Arm(now);
    return std::nullopt;
  }

  absl::Status Ahead(SteadyTime now) {
    const bool plenty = pace.Left(now) >= std::max(1u, (pace.burst() + 1) / 2);
    if (waiting.empty() && places.Count(now) == 0 && plenty && pace.Take(now)) return absl::OkStatus();
    return Spent(std::chrono::seconds(1), "callers need the calls to STS that are left; renew later");
  }

  SteadyTime TurnOf(Key key, const std::optional<KeptPlaces::Place>& place, SteadyTime now) {
    if (place && place->at > now) return place->at;
    const auto ahead = static_cast<size_t>(std::distance(waiting.begin(), waiting.lower_bound(key)));
    // Who was told to come now, or goes first anyway, yields to nobody who is not here.
    return pace.When(ahead + (place || key.first == 0 ? 0 : places.Count(now)) + 1, now);
  }

  absl::Status Refuse(const std::string& turn, uint64_t number, bool had_place, SteadyTime at,
                      SteadyTime now) {
    SteadyTime::duration wait = at - now;
    const bool room = wait <= kBacklog && places.Count(now) < size_t{pace.share()} * kBacklog.count();
    if (!turn.empty() && (had_place || room)) {
      places.Keep(turn, {number, at});
      return Spent(wait, "others have the calls to STS until then; come back as told, your place is kept");
    }
    wait = std::min<SteadyTime::duration>(wait, kBacklog);
    wait += std::chrono::duration_cast<SteadyTime::duration>(wait * (jitter() / 4));
    return Spent(wait, "others have the calls to STS until then; come back as told, no place is kept");
  }

  void Arm(SteadyTime now) {
    if (alarm || waiting.empty()) return;
    alarm = timers.At(pace.When(1, now), [weak = weak_from_this()] {
      if (const auto state = weak.lock()) state->Pump();
    });
  }

  // Admits whoever can be, and sets the next alarm.
  void Pump() {
    std::vector<Done> admitted;
    SteadyTime now;
    {
      std::lock_guard lock(mutex);
      now = timers.Now();
      if (alarm) timers.Cancel(*alarm);
      alarm.reset();
      while (!waiting.empty() && pace.Take(now)) {
        auto first = waiting.extract(waiting.begin());
        timers.Cancel(first.mapped().leave);
        admitted.push_back(std::move(first.mapped().done));
      }
      Arm(now);
    }
    for (Done& done : admitted) done(now);
  }

  void Leave(Key key, bool cancelled) {
    Waiter waiter;
    absl::Status why = Cancelled();
    {
      std::lock_guard lock(mutex);
      const auto found = waiting.find(key);
      if (found == waiting.end()) return;
      const SteadyTime now = timers.Now();
      const auto ahead = static_cast<size_t>(std::distance(waiting.begin(), found));
      waiter = std::move(found->second);
      waiting.erase(found);
      if (cancelled) timers.Cancel(waiter.leave);
      if (!cancelled) why = Refuse(waiter.turn, key.second, true, pace.When(ahead + 1, now), now);
    }
    waiter.done(std::move(why));
  }

  Timers& timers;
  const Jitter jitter;
  std::mutex mutex;
  CallPace pace;  // guarded by mutex, as all below
  KeptPlaces places;
  std::map<Key, Waiter> waiting;
  uint64_t last_number = 0;
  std::optional<Timers::Id> alarm;
  std::optional<SteadyTime> slowed;
};

StsBudget::StsBudget(uint32_t calls_per_second, Timers& timers, Jitter jitter)
    : state_(std::make_shared<State>(calls_per_second, timers, std::move(jitter))) {}
StsBudget::~StsBudget() = default;

void StsBudget::Admit(Urgency urgency, std::string turn, Deadline deadline, CancelToken cancel, Done done) {
  if (cancel.cancelled()) return done(Cancelled());
  State::Key key;
  SteadyTime now;
  const auto answer = state_->Enter(urgency, std::move(turn), deadline, done, key, now);
  if (answer && answer->ok()) return done(now);
  if (answer) return done(*answer);
  cancel.OnCancel([weak = std::weak_ptr(state_), key] {
    if (const auto state = weak.lock()) state->Leave(key, true);
  });
}

void StsBudget::Throttled(SteadyTime admitted) {
  std::lock_guard lock(state_->mutex);
  if (state_->slowed && admitted <= *state_->slowed) return;
  const SteadyTime now = state_->timers.Now();
  state_->slowed = now;
  // The alarm that is set comes too early now; it sets another.
  state_->pace.SlowDown(now);
}

void StsBudget::SetShare(uint32_t calls_per_second) {
  {
    std::lock_guard lock(state_->mutex);
    state_->pace.SetShare(calls_per_second, state_->timers.Now());
  }
  state_->Pump();
}

uint32_t StsBudget::left() const {
  std::lock_guard lock(state_->mutex);
  return state_->pace.Left(state_->timers.Now());
}

size_t StsBudget::waiting() const {
  std::lock_guard lock(state_->mutex);
  return state_->waiting.size();
}

size_t StsBudget::promised() const {
  std::lock_guard lock(state_->mutex);
  return state_->places.Count(state_->timers.Now());
}

}  // namespace sluice::broker
