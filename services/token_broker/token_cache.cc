// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_cache.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "services/token_broker/session_name.h"

namespace sluice::broker {
namespace {

using std::chrono::seconds;

// How long a failure is believed. Whoever mends a role does not wait long, and nobody hammers STS meanwhile.
constexpr seconds kRefusalLasts{5};
constexpr std::chrono::milliseconds kTroubleLasts{500};
// Between two attempts at renewing the same token ahead.
constexpr seconds kRenewGap{10};
constexpr uint64_t kRefusalCost = 1024;

// Failures that the next moment may mend.
bool IsTrouble(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kResourceExhausted;
}

// The role itself is wrong, for whoever asks.
bool IsOfRole(const absl::Status& status) {
  const auto metadata = Metadata(status);
  const auto code = metadata.find("sts_code");
  return code != metadata.end() &&
         (code->second.starts_with("NoPermission") || code->second.starts_with("EntityNotExist.Role"));
}

void AddPart(std::string& out, std::string_view part) {
  out += std::to_string(part.size());
  out += ':';
  out += part;
}

}  // namespace

std::string TokenKey(std::string_view role_arn, std::string_view provider, std::string_view subject,
                     std::string_view policy_json, seconds life) {
  std::string all;
  for (std::string_view part : {role_arn, provider, subject, policy_json}) AddPart(all, part);
  AddPart(all, std::to_string(life.count()));
  return crypto::Sha256(all);
}

seconds LeastLeft(seconds ttl) { return std::min<seconds>(std::chrono::minutes(16), ttl * 2 / 3); }

struct TokenCache::Refusal {
  absl::Status status;
  Timers::SteadyTime until;
};

struct TokenCache::Waiter {
  Done done;
  TokenAnswer how = TokenAnswer::kMiss;
  // 0 where the flight ends first anyway.
  Timers::Id alarm = 0;
};

// One AssumeRole under way and who waits for it.
struct TokenCache::Flight {
  std::map<uint64_t, Waiter> waiters;
};

TokenCache::TokenCache(Sts& sts, const Clock& clock, Timers& timers, BrokerMetrics& metrics, Load& load,
                       std::chrono::milliseconds sts_timeout, uint64_t max_bytes)
    : sts_(sts),
      clock_(clock),
      timers_(timers),
      metrics_(metrics),
      load_(load),
      sts_timeout_(sts_timeout),
      entries_(max_bytes - max_bytes / 16),
      refusals_(max_bytes / 16),
      self_(std::make_shared<TokenCache*>(this)) {}

TokenCache::~TokenCache() = default;

struct TokenCache::Ready {
  absl::StatusOr<Token> answer;
  TokenAnswer how = TokenAnswer::kHit;
};

void TokenCache::Get(const Order& order, Deadline deadline, const CancelToken& cancel, Done done) {
  auto ready = Look(*order);
  if (!ready) return Join(order, deadline, cancel, std::move(done));
  if (ready->how == TokenAnswer::kHit) RenewAhead(order, **ready->answer, clock_.Now());
  done(std::move(ready->answer), ready->how);
}

std::optional<TokenCache::Ready> TokenCache::Look(const TokenOrder& order) {
  const Time now = clock_.Now();
  if (Token token = entries_.Find(order.key); token != nullptr && token->expires - now >= order.least_left)
    return Ready{std::move(token), TokenAnswer::kHit};
  const auto refusal = FindRefusal(order);
  if (refusal == nullptr) return std::nullopt;
  if (Token older = LastResort(order, refusal->status, now))
    return Ready{std::move(older), TokenAnswer::kStale};
  return Ready{refusal->status, TokenAnswer::kNegative};
}

TokenCache::Ready TokenCache::TurnAway(const TokenOrder& order) {
  absl::Status why = load_.TurnAway();
  if (Token older = LastResort(order, why, clock_.Now())) return {std::move(older), TokenAnswer::kStale};
  return {std::move(why), TokenAnswer::kNegative};
}

size_t TokenCache::flights() const {
  std::lock_guard lock(mutex_);
  return flights_.size();
}

void TokenCache::RenewAhead(const Order& order, const MintedToken& token, Time now) {
  const int64_t second = std::chrono::floor<seconds>(now).time_since_epoch().count();
  int64_t from = token.ask_from.load(std::memory_order_relaxed);
  if (second < from) return;
  if (!token.ask_from.compare_exchange_strong(from, second + kRenewGap.count())) return;
  {
    std::lock_guard lock(mutex_);
    if (flights_.size() >= kMostFlights || !flights_.try_emplace(order->key).second) return;
  }
  Start(order, order->urgency == Urgency::kShared ? Urgency::kShared : Urgency::kAhead, NewGrantId());
}

void TokenCache::Join(const Order& order, Deadline deadline, const CancelToken& cancel, Done done) {
  uint64_t id = 0;
  bool first = false;
  std::optional<Ready> ready;
  {
    std::lock_guard lock(mutex_);
    first = !flights_.contains(order->key);
    // Whoever looked just before a flight landed finds here what it brought.
    if (first) ready = Look(*order);
    if (first && !ready && order->urgency != Urgency::kShared && flights_.size() >= kMostFlights)
      ready = TurnAway(*order);
    if (!ready) id = BoardLocked(order->key, first, deadline, std::move(done));
  }
  if (ready) return done(std::move(ready->answer), ready->how);
  if (first) Start(order, order->urgency, NewGrantId());
  cancel.OnCancel([self = std::weak_ptr<TokenCache*>(self_), key = order->key, id] {
    if (const auto alive = self.lock())
      (*alive)->Leave(key, id,
                      Fail(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the caller no longer waits"));
  });
}

uint64_t TokenCache::BoardLocked(const std::string& key, bool first, Deadline deadline, Done done) {
  const uint64_t id = ++last_waiter_;
  Waiter& waiter = flights_[key].waiters[id];
  waiter.done = std::move(done);
  waiter.how = first ? TokenAnswer::kMiss : TokenAnswer::kCoalesced;
  const auto left = deadline.at() - timers_.Now();
  if (left >= sts_timeout_) return id;
  // A little ahead, so that the answer arrives in time.
  const auto margin = std::min<Timers::SteadyTime::duration>(std::chrono::milliseconds(100), left / 10);
  waiter.alarm =
      timers_.After(std::max(left - margin, Timers::SteadyTime::duration::zero()), [this, key, id] {
        Leave(key, id,
              Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE",
                   "STS did not answer within your deadline; allow some seconds, and try again")
                  .RetryAfter(seconds(1)));
      });
  return id;
}

void TokenCache::Leave(const std::string& key, uint64_t waiter, const absl::Status& why) {
  Waiter leaving;
  {
    std::lock_guard lock(mutex_);
    const auto flight = flights_.find(key);
    if (flight == flights_.end()) return;
    const auto found = flight->second.waiters.find(waiter);
    if (found == flight->second.waiters.end()) return;
    leaving = std::move(found->second);
    flight->second.waiters.erase(found);
  }
  if (leaving.alarm != 0) timers_.Cancel(leaving.alarm);
  leaving.done(why, leaving.how);
}

void TokenCache::Start(const Order& order, Urgency urgency, const std::string& grant_id) {
  AssumeRoleRequest request{
      order->role_arn, SessionName(order->subject, grant_id), order->policy_json, order->life, urgency,
      order->key};
  // Nobody's own deadline or cancel: the token is for all who wait.
  sts_.AssumeRole(std::move(request), Deadline(timers_.Now() + sts_timeout_), {},
                  [this, order, urgency, grant_id](absl::StatusOr<aliyun::Credentials> minted) {
                    Land(order, urgency, grant_id, std::move(minted));
                  });
}

void TokenCache::Land(const Order& order, Urgency urgency, const std::string& grant_id,
                      absl::StatusOr<aliyun::Credentials> minted) {
  Token token;
  absl::Status failure = minted.status();
  if (minted.ok()) {
    const Time expires = *minted->expiration;
    token = std::make_shared<const MintedToken>(grant_id, *std::move(minted), expires);
    if (order->record) failure = order->record(*token);
  }
  if (urgency == Urgency::kAhead) metrics_.Refreshed(failure.ok());
  const Time now = clock_.Now();
  if (failure.ok()) {
    // Within the last third of the time in which it is given out, each token a little different, so that what
    // was minted together is not renewed together.
    const auto usable = std::max<Time::duration>(token->expires - now - order->least_left, seconds(0));
    const auto spread = static_cast<uint8_t>(order->key.back());
    const auto renew = token->expires - order->least_left - usable / 3 + usable * spread / (6 * 256);
    token->ask_from = std::chrono::ceil<seconds>(renew).time_since_epoch().count();
    const size_t cost = 512 + order->key.size() + token->credentials.security_token.Reveal().size() +
                        token->credentials.access_key_secret.Reveal().size() +
                        token->credentials.access_key_id.size();
    const Token older = entries_.Find(order->key);
    // Before the flight is gone from the map: whoever finds no flight finds this.
    entries_.Put(order->key, token, cost);
    if (older != nullptr) older->ask_from = 0;
  } else if (urgency != Urgency::kAhead) {
    Remember(*order, failure);
  }
  std::map<uint64_t, Waiter> waiters;
  bool again = false;
  {
    std::lock_guard lock(mutex_);
    const auto flight = flights_.find(order->key);
    // Who joined a renewal that was refused for lack of plenty needs the token all the same.
    again = !failure.ok() && urgency == Urgency::kAhead && !flight->second.waiters.empty();
    if (!again) {
      waiters = std::move(flight->second.waiters);
      flights_.erase(flight);
    }
  }
  if (again) return Start(order, order->urgency, grant_id);
  for (auto& [id, waiter] : waiters) {
    if (waiter.alarm != 0) timers_.Cancel(waiter.alarm);
    if (failure.ok()) {
      waiter.done(token, waiter.how);
    } else if (Token older = LastResort(*order, failure, now)) {
      waiter.done(std::move(older), TokenAnswer::kStale);
    } else {
      waiter.done(failure, waiter.how);
    }
  }
}

void TokenCache::Remember(const TokenOrder& order, const absl::Status& failure) {
  // The budget keeps places by itself, and knows best when to come back.
  if (Reason(failure) == "STS_BUDGET_SPENT" || absl::IsCancelled(failure)) return;
  const Timers::SteadyTime until =
      timers_.Now() + (IsTrouble(failure) ? Timers::SteadyTime::duration(kTroubleLasts)
                                          : Timers::SteadyTime::duration(kRefusalLasts));
  auto refusal = std::make_shared<const Refusal>(Refusal{failure, until});
  refusals_.Put(IsOfRole(failure) ? order.role_arn : order.key, std::move(refusal), kRefusalCost);
}

std::shared_ptr<const TokenCache::Refusal> TokenCache::FindRefusal(const TokenOrder& order) {
  for (const std::string& name : {order.key, order.role_arn}) {
    const auto found = refusals_.Find(name);
    if (found != nullptr && timers_.Now() < found->until) return found;
  }
  return nullptr;
}

TokenCache::Token TokenCache::LastResort(const TokenOrder& order, const absl::Status& failure, Time now) {
  if (!IsTrouble(failure)) return nullptr;
  Token token = entries_.Find(order.key);
  return token != nullptr && token->expires - now >= order.last_resort ? token : nullptr;
}

}  // namespace sluice::broker
