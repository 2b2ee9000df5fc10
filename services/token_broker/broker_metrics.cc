// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/broker_metrics.h"

#include <algorithm>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace sluice::broker {
namespace {

constexpr std::array kMethodNames = std::to_array<std::string_view>(
    {"IssueToken", "SignUrl", "SignPostForm", "PlanUpload", "IssueTicket", "ListGrants", "ExplainAccess"});
constexpr std::array kAnswerNames =
    std::to_array<std::string_view>({"hit", "miss", "coalesced", "stale", "negative"});
constexpr std::array kResultNames = std::to_array<std::string_view>({"failed", "ok"});
// The last of the next two stands for whatever is not named.
constexpr std::array kStsResults = std::to_array<std::string_view>(
    {"OK", "STS_REFUSED", "ROLE_NOT_FOUND", "STS_THROTTLED", "STS_BUDGET_SPENT", "STS_UNREACHABLE",
     "STS_ANSWER_INVALID", "OWN_CREDENTIALS_MISSING", "CALL_CANCELLED", "other"});
constexpr std::array kReloadNames =
    std::to_array<std::string_view>({"config", "tls", "keys", "jwks", "deny", "other"});

const std::vector<double>& LatencyBounds() {
  static const std::vector<double> bounds{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025,
                                          0.05,  0.1,    0.25,   0.5,    1,    2.5,    5,    10};
  return bounds;
}

double Seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

// The place of `name`; the last one for a name that is not there.
template <size_t N>
size_t Place(const std::array<std::string_view, N>& names, std::string_view name) {
  return static_cast<size_t>(std::find(names.begin(), names.end() - 1, name) - names.begin());
}

constexpr char kRequests[] = "sluice_requests_total";
constexpr char kRequestsHelp[] = "Calls answered over gRPC and HTTP, by method, status code and reason.";

}  // namespace

BrokerMetrics::BrokerMetrics()
    : turned_away_(registry_.AddCounter("sluice_calls_turned_away_total",
                                        "Calls over gRPC that waited too long for this replica's threads.")),
      sts_seconds_(
          registry_.AddHistogram("sluice_sts_seconds", "How long calls to STS took.", LatencyBounds())),
      life_(registry_.AddHistogram("sluice_token_life_seconds",
                                   "How long tokens had still to live when they were given out.",
                                   {60, 300, 600, 900, 960, 1200, 1800, 2700, 3600, 7200, 21600, 43200})) {
  static_assert(kMethodNames.size() == kMethods);
  for (size_t method = 0; method < kMethods; ++method) {
    const std::string name(kMethodNames[method]);
    good_[method] =
        &registry_.AddCounter(kRequests, kRequestsHelp, {{"method", name}, {"code", "OK"}, {"reason", ""}});
    // From zero, so that the first failure of its kind is an increase and not a new series.
    for (size_t i = 0; i < reasons::kTokenBroker.size(); ++i) {
      const reasons::Entry& entry = reasons::kTokenBroker[i];
      refused_[method][i] = &registry_.AddCounter(kRequests, kRequestsHelp,
                                                  {{"method", name},
                                                   {"code", absl::StatusCodeToString(entry.code)},
                                                   {"reason", std::string(entry.reason)}});
    }
    seconds_[method] =
        &registry_.AddHistogram("sluice_request_seconds", "How long calls took, from arrival to answer.",
                                LatencyBounds(), {{"method", name}});
  }
  const auto add = [this](auto& counters, const char* name, const char* help, const char* label,
                          const auto& values) {
    for (size_t i = 0; i < values.size(); ++i)
      counters[i] = &registry_.AddCounter(name, help, {{label, std::string(values[i])}});
  };
  add(tokens_, "sluice_token_cache_total", "Tokens asked for, by where the answer came from.", "answer",
      kAnswerNames);
  add(refreshes_, "sluice_token_refreshes_total", "Cached tokens renewed ahead of need.", "result",
      kResultNames);
  add(jwts_, "sluice_jwts_verified_total", "JWTs accepted, by whether they were known already.", "cached",
      std::to_array<std::string_view>({"false", "true"}));
  add(sts_, "sluice_sts_calls_total", "Calls to STS, by result: OK or the reason of the failure.", "result",
      kStsResults);
  for (size_t what = 0; what < kReloadNames.size(); ++what) {
    for (size_t good = 0; good < kResultNames.size(); ++good) {
      reloads_[what][good] = &registry_.AddCounter(
          "sluice_reloads_total", "Files that changed while serving, and what came of it.",
          {{"what", std::string(kReloadNames[what])}, {"result", std::string(kResultNames[good])}});
    }
  }
}

std::string_view BrokerMetrics::NameOf(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

void BrokerMetrics::Called(Method method, const absl::Status& outcome, std::chrono::nanoseconds took) {
  const auto index = static_cast<size_t>(method);
  seconds_[index]->Observe(Seconds(took));
  if (outcome.ok()) return good_[index]->Add();
  const absl::Status seen = rpc::Presentable(outcome);
  const std::string reason = Reason(seen);
  for (size_t i = 0; i < reasons::kTokenBroker.size(); ++i) {
    const reasons::Entry& entry = reasons::kTokenBroker[i];
    if (entry.reason == reason && entry.code == seen.code()) return refused_[index][i]->Add();
  }
  Unlisted(method, seen.code()).Add();
}

telemetry::Counter& BrokerMetrics::Unlisted(Method method, absl::StatusCode code) {
  const auto index = static_cast<size_t>(method);
  const auto place = static_cast<size_t>(code);  // Abseil gives no code but its own seventeen
  std::lock_guard lock(unlisted_mutex_);
  telemetry::Counter*& counter = unlisted_[index][place];
  if (counter == nullptr)
    counter = &registry_.AddCounter(kRequests, kRequestsHelp,
                                    {{"method", std::string(kMethodNames[index])},
                                     {"code", absl::StatusCodeToString(code)},
                                     {"reason", "other"}});
  return *counter;
}

void BrokerMetrics::StsCalled(std::string_view result, std::chrono::nanoseconds took) {
  sts_[Place(kStsResults, result)]->Add();
  sts_seconds_.Observe(Seconds(took));
}

void BrokerMetrics::TokenHandedOut(std::chrono::seconds life_left) {
  life_.Observe(static_cast<double>(std::max<int64_t>(life_left.count(), 0)));
}

void BrokerMetrics::Reloaded(std::string_view what, bool good) {
  reloads_[Place(kReloadNames, what)][good]->Add();
}

}  // namespace sluice::broker
