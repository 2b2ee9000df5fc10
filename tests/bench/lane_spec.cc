// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/lane_spec.h"

#include <map>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace sluice::bench {
namespace {

Failure Bad(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "LANE_INVALID", "--lane: " + what);
}

template <typename Value>
absl::Status Choose(const std::map<std::string, Value>& known, const std::string& key,
                    const std::string& text, Value& out) {
  const auto found = known.find(text);
  if (found == known.end()) return Bad(key + "=" + text + " is none of its values");
  out = found->second;
  return absl::OkStatus();
}

absl::Status Set(LaneSpec& lane, const std::string& key, const std::string& text) {
  const std::map<std::string, uint32_t*> counts = {
      {"callers", &lane.callers}, {"first", &lane.first}, {"users", &lane.users}, {"ttl", &lane.ttl}};
  const std::map<std::string, bool*> switches = {{"fresh", &lane.fresh}, {"prime", &lane.prime}};
  if (key == "name") {
    lane.name = text;
    return absl::OkStatus();
  }
  if (key == "kind")
    return Choose<LaneSpec::Kind>({{"closed", LaneSpec::Kind::kClosed},
                                   {"open", LaneSpec::Kind::kOpen},
                                   {"burst", LaneSpec::Kind::kBurst}},
                                  key, text, lane.kind);
  if (key == "ask")
    return Choose<LaneSpec::Ask>({{"token", LaneSpec::Ask::kToken},
                                  {"plan", LaneSpec::Ask::kPlan},
                                  {"plan_token", LaneSpec::Ask::kPlanToken},
                                  {"explain", LaneSpec::Ask::kExplain},
                                  {"grants", LaneSpec::Ask::kGrants}},
                                 key, text, lane.ask);
  if (const auto found = switches.find(key); found != switches.end())
    return Choose<bool>({{"0", false}, {"1", true}}, key, text, *found->second);
  bool good = false;
  if (key == "rate") {
    good = absl::SimpleAtod(text, &lane.rate) && lane.rate > 0 && lane.rate <= 1e6;
  } else if (const auto found = counts.find(key); found != counts.end()) {
    good = absl::SimpleAtoi(text, found->second) && *found->second <= 1'000'000;
  } else {
    return Bad("there is no " + key);
  }
  if (!good) return Bad(key + "=" + text + " is no number that it takes");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LaneSpec> ParseLaneSpec(std::string_view text) {
  LaneSpec out;
  for (const std::string& pair : SplitList(text, ',')) {
    const size_t at = pair.find('=');
    if (at == std::string::npos) return Bad(pair + " is no key=value");
    RETURN_IF_ERROR(Set(out, pair.substr(0, at), pair.substr(at + 1)));
  }
  const bool open = out.kind == LaneSpec::Kind::kOpen;
  if (out.name.empty()) return Bad("name is missing");
  if (out.users == 0) return Bad("users is at least 1");
  if (open ? out.rate == 0 : out.callers == 0) return Bad(open ? "rate is missing" : "callers is missing");
  return out;
}

}  // namespace sluice::bench
