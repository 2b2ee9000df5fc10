// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/aliyun/credentials.h"
#include "common/base/bounded_cache.h"
#include "common/base/clock.h"
#include "common/base/timers.h"
#include "services/token_broker/broker_metrics.h"
#include "services/token_broker/load.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// One authority that STS gave; every answer that it serves shares its grant id.
struct MintedToken {
  MintedToken(std::string id, aliyun::Credentials made, Time end)
      : grant_id(std::move(id)), credentials(std::move(made)), expires(end) {}

  // Whether the cache, asked now, would give this very token and do nothing else.
  bool IsSettled(Time now) const {
    return std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() <
           ask_from.load(std::memory_order_relaxed);
  }

  const std::string grant_id;
  const aliyun::Credentials credentials;
  const Time expires;
  // Seconds of the clock from which the cache wants to be asked: to renew it ahead, or since there is a newer
  // one. Only the cache sets it.
  mutable std::atomic<int64_t> ask_from = 0;
};

// What a token is minted from. A value, which asks for it shared.
struct TokenOrder {
  // The same for the same authority, and for no other.
  std::string key;
  std::string role_arn;
  // Stands in the session's name beside the grant id.
  std::string subject;
  std::string policy_json;
  std::chrono::seconds life{};
  // What must be left of a token's life when it is given out.
  std::chrono::seconds least_left{};
  // What must be left when STS cannot give a newer one; the stock SDKs fetch again below five minutes.
  std::chrono::seconds last_resort{5 * 60};
  Urgency urgency = Urgency::kCaller;
  // Called once with what was minted before anybody gets it; an error drops it. Empty for nothing.
  std::function<absl::Status(const MintedToken&)> record;
};

// A name for the authority to do `policy` in `role_arn` as that subject: a digest of all of it. Pure.
std::string TokenKey(std::string_view role_arn, std::string_view provider, std::string_view subject,
                     std::string_view policy_json, std::chrono::seconds life);

// How much of a life of `ttl` must be left for a token to be given out: 16 minutes, which is more than any
// SDK calls stale, or two thirds of a shorter life. Pure.
std::chrono::seconds LeastLeft(std::chrono::seconds ttl);

// How a token came to be given, or not.
using TokenAnswer = BrokerMetrics::TokenAnswer;

// Tokens by the authority they give, so that STS is asked once for many answers. A token is given out while
// enough of its life is left; one that is asked for near that limit is renewed ahead, behind its callers'
// backs, when the budget has plenty. Callers who wait for the same missing token share one AssumeRole, which
// has a time limit of its own: each leaves at its own deadline or cancel, and none of them ends it for the
// others. A failure is remembered for a moment; while STS is in trouble an older token still serves, to
// the order's last resort. Bounded; what was used longest ago goes first. Thread-safe; never blocks; a hit
// takes one of sixteen short locks.
class TokenCache {
 public:
  using Token = std::shared_ptr<const MintedToken>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<Token>, TokenAnswer)>;

  // All must outlive it. `sts_timeout` bounds one AssumeRole with all its attempts.
  TokenCache(Sts& sts, const Clock& clock, Timers& timers, BrokerMetrics& metrics, Load& load,
             std::chrono::milliseconds sts_timeout, uint64_t max_bytes);
  ~TokenCache();

  // Calls `done` exactly once: at once, or from the thread of STS, of the timers or of the cancel, which must
  // not be blocked. Errors are those of Sts, of `order->record`, and
  // - `UNAVAILABLE` `STS_UNREACHABLE` with a retry delay when the deadline comes first, shortly before it;
  // - `UNAVAILABLE` `BROKER_OVERLOADED` with a retry delay for one more missing token while kMostFlights are
  //   being minted: it would come too late, and so would all behind it;
  // - `CANCELLED` `CALL_CANCELLED`.
  void Get(const std::shared_ptr<const TokenOrder>& order, Deadline deadline, const CancelToken& cancel,
           Done done);

  // AssumeRoles under way at once, for callers: five seconds' worth of what STS gives an account, and half a
  // second's of what this program can ask for. Sessions that sign for many are few, and always go.
  static constexpr size_t kMostFlights = 512;
  size_t flights() const;

  uint64_t bytes() const { return entries_.cost(); }
  uint64_t size() const { return entries_.size(); }

 private:
  struct Refusal;
  struct Flight;
  struct Waiter;
  using Order = std::shared_ptr<const TokenOrder>;

  // What can be answered without waiting, by an entry or a remembered failure.
  struct Ready;
  std::optional<Ready> Look(const TokenOrder& order);
  Ready TurnAway(const TokenOrder& order);
  void RenewAhead(const Order& order, const MintedToken& token, Time now);
  void Join(const Order& order, Deadline deadline, const CancelToken& cancel, Done done);
  uint64_t BoardLocked(const std::string& key, bool first, Deadline deadline, Done done);
  void Start(const Order& order, Urgency urgency, const std::string& grant_id);
  void Land(const Order& order, Urgency urgency, const std::string& grant_id,
            absl::StatusOr<aliyun::Credentials> minted);
  void Leave(const std::string& key, uint64_t waiter, const absl::Status& why);
  void Remember(const TokenOrder& order, const absl::Status& failure);
  std::shared_ptr<const Refusal> FindRefusal(const TokenOrder& order);
  // The token of an entry that may still serve while STS fails in this way; null for none.
  Token LastResort(const TokenOrder& order, const absl::Status& failure, Time now);

  Sts& sts_;
  const Clock& clock_;
  Timers& timers_;
  BrokerMetrics& metrics_;
  Load& load_;
  const std::chrono::milliseconds sts_timeout_;
  BoundedCache<const MintedToken> entries_;
  BoundedCache<const Refusal> refusals_;
  mutable std::mutex mutex_;
  // By key; guarded by mutex_, as is the count. Only misses come here.
  std::map<std::string, Flight> flights_;
  uint64_t last_waiter_ = 0;
  // Late cancels of calls find nothing once it is gone.
  std::shared_ptr<TokenCache*> self_;
};

}  // namespace sluice::broker
