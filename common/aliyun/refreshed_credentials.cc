// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/refreshed_credentials.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/base/iso_time.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/crypto/random.h"

namespace sluice::aliyun {
namespace {

constexpr std::chrono::milliseconds kFetchTime{10000};
constexpr std::chrono::seconds kShortestGap{5};
constexpr std::chrono::milliseconds kFirstRetry{2000};
constexpr std::chrono::milliseconds kLongestRetry{15000};
// The wall clock is looked at this often, since it can be set and machines can sleep.
constexpr std::chrono::seconds kLongestNap{60};

// Half of `span` to one and a half, so that replicas that failed together do not come back together.
std::chrono::milliseconds Jittered(std::chrono::milliseconds span) {
  const std::string random = crypto::RandomBytes(2);
  const int64_t part = static_cast<unsigned char>(random[0]) * 256 + static_cast<unsigned char>(random[1]);
  return span / 2 + span * part / 65536;
}

}  // namespace

Time NextFetch(Time now, Time expiration) {
  const auto life = expiration - now;
  const Time wanted = std::min(now + life * 2 / 3, expiration - std::chrono::minutes(10));
  return std::max({wanted, now + life / 4, now + kShortestGap});
}

struct RefreshedCredentials::Inside : std::enable_shared_from_this<Inside> {
  Inside(CredentialChain ways, Accept judge, const Clock& wall, Timers& alarms, telemetry::Log& to)
      : chain(std::move(ways)), accept(std::move(judge)), clock(wall), timers(alarms), log(to) {}

  absl::StatusOr<Credentials> Ask() {
    auto key = chain.Fetch(Deadline::After(kFetchTime), cancel.token());
    if (!key.ok() || accept == nullptr) return key;
    const absl::Status accepted = accept(*key);
    return accepted.ok() ? key : accepted;
  }

  // One fetch and what follows from it.
  absl::Status FetchOnce() {
    auto key = Ask();
    const absl::Status status = key.status();
    std::string event;
    auto severity = telemetry::Severity::kInfo;
    boost::json::object fields;
    {
      std::lock_guard lock(mutex);
      const Time now = clock.Now();
      if (chain.chosen() != nullptr) {
        state.source = chain.chosen()->name();
        state.description = chain.chosen()->description();
      }
      state.error = status;
      fields = {{"source", state.source}, {"where", state.description}};
      last_end = timers.Now();
      wanted = false;  // whoever asked meanwhile has this answer
      if (key.ok()) {
        retry = kFirstRetry;
        const bool other = current == nullptr || current->access_key_id != key->access_key_id ||
                           current->access_key_secret != key->access_key_secret;
        current = std::make_shared<const Credentials>(*std::move(key));
        state.access_key_id = current->access_key_id;
        state.expiration = current->expiration;
        due_wall = current->expiration ? std::optional(NextFetch(now, *current->expiration)) : std::nullopt;
        if (due_wall) due = last_end + std::max(*due_wall - now, Time::duration(0));
        if (other) {
          event = "own_key_changed";
          fields["access_key_id"] = state.access_key_id;
          fields["expires"] = state.expiration ? IsoExtended(*state.expiration) : "never";
        }
      } else {
        const auto delay = Jittered(retry);
        retry = std::min(retry * 2, kLongestRetry);
        due_wall = now + delay;
        due = last_end + delay;
        event = "own_key_failed";
        severity = HasKeyLocked() ? telemetry::Severity::kWarning : telemetry::Severity::kError;
        fields["reason"] = Reason(status);
        fields["why"] = std::string(FromAbsl(status.message()));
        fields["key_in_use"] = HasKeyLocked() ? state.access_key_id : "none";
      }
      SetAlarmLocked();
    }
    if (!event.empty() && !cancel.token().cancelled()) log.Write(severity, event, std::move(fields));
    return status;
  }

  bool HasKeyLocked() const {
    return current != nullptr && (!current->expiration || *current->expiration > clock.Now());
  }

  void SetAlarmLocked() {
    if (alarm) timers.Cancel(*alarm);
    alarm.reset();
    if (!due_wall || ending) return;
    alarm = timers.At(std::min(due, timers.Now() + kLongestNap), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Wake();
    });
  }

  void Wake() {
    std::lock_guard lock(mutex);
    alarm.reset();
    if (!due_wall) return;
    if (timers.Now() < due && clock.Now() < *due_wall) return SetAlarmLocked();
    wanted = true;
    changed.notify_all();
  }

  void Run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return ending || wanted; });
      if (ending) return;
      wanted = false;
      lock.unlock();
      (void)FetchOnce();
      lock.lock();
    }
  }

  // Of the thread that fetches, alone.
  ChainedCredentials chain;
  const Accept accept;
  const Clock& clock;
  Timers& timers;
  telemetry::Log& log;
  CancelSource cancel;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<const Credentials> current;  // guarded by mutex, as all below
  OwnKeyState state;
  // When the next fetch is due, by either clock; never without due_wall.
  std::optional<Time> due_wall;
  Timers::SteadyTime due;
  Timers::SteadyTime last_end;
  std::optional<Timers::Id> alarm;
  std::chrono::milliseconds retry = kFirstRetry;
  bool wanted = false;
  bool ending = false;
  std::thread thread;  // set once, before anybody else sees it
};

absl::StatusOr<std::unique_ptr<RefreshedCredentials>> RefreshedCredentials::Start(
    CredentialChain chain, Accept accept, const Clock& clock, Timers& timers, telemetry::Log& log) {
  auto inside = std::make_shared<Inside>(std::move(chain), std::move(accept), clock, timers, log);
  std::unique_ptr<RefreshedCredentials> out(new RefreshedCredentials(inside));
  const absl::Status first = inside->FetchOnce();
  if (absl::IsNotFound(first))
    return Fail(absl::StatusCode::kInvalidArgument, Reason(first), FromAbsl(first.message()));
  if (absl::IsInvalidArgument(first)) return first;
  inside->thread = std::thread([raw = inside.get()] { raw->Run(); });
  return out;
}

RefreshedCredentials::RefreshedCredentials(std::shared_ptr<Inside> inside) : inside_(std::move(inside)) {}

RefreshedCredentials::~RefreshedCredentials() {
  {
    std::lock_guard lock(inside_->mutex);
    inside_->ending = true;
    inside_->SetAlarmLocked();
  }
  inside_->changed.notify_all();
  inside_->cancel.Cancel();
  if (inside_->thread.joinable()) inside_->thread.join();
}

std::shared_ptr<const Credentials> RefreshedCredentials::Current() const {
  std::lock_guard lock(inside_->mutex);
  return inside_->HasKeyLocked() ? inside_->current : nullptr;
}

void RefreshedCredentials::Renew() {
  std::lock_guard lock(inside_->mutex);
  const auto soonest = inside_->last_end + kShortestGap;
  // A fetch that is due anyway, for a retry say, is not put off.
  if (inside_->due_wall && inside_->due <= std::max(soonest, inside_->timers.Now())) return;
  inside_->due = soonest;
  inside_->due_wall =
      inside_->clock.Now() + std::max(soonest - inside_->timers.Now(), Timers::SteadyTime::duration(0));
  inside_->SetAlarmLocked();
}

OwnKeyState RefreshedCredentials::State() const {
  std::lock_guard lock(inside_->mutex);
  OwnKeyState out = inside_->state;
  if (!inside_->HasKeyLocked()) out.access_key_id.clear();
  return out;
}

}  // namespace sluice::aliyun
