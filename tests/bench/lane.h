// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/calls.h"
#include "tests/bench/lane_spec.h"
#include "tests/bench/tally.h"

namespace sluice::bench {

// What the lanes of a run share. A value.
struct RunSpec {
  // `Bearer <JWT>`, one for each subject.
  const std::vector<std::string>& bearers;
  // Nothing before `measure` counts in a closed lane; nobody begins after `end`.
  Instant begin;
  Instant measure;
  Instant end;
  // Of each request.
  std::chrono::milliseconds deadline;
  // A user who was not served for so long gives up.
  std::chrono::milliseconds patience;
  // Differs in each run, so that a fresh path is one.
  std::string tag;
};

// The callers of one kind, and what became of them.
class Lane {
 public:
  Lane(LaneSpec spec, Calls& calls) : spec_(std::move(spec)), calls_(calls) {}

  const LaneSpec& spec() const { return spec_; }
  Tally& tally() { return tally_; }

  // Lets each of the lane's users ask once, until served; what fails is in the tally of its own.
  void Prime(const RunSpec& run, Tally& tally);
  // Sets the timers and starts the calls of a run. `run` must live until the calls have run.
  void Begin(const RunSpec& run);

 private:
  struct User;
  void PrimeNext(Tally& tally);
  void Ask(std::shared_ptr<User> user);
  void Cycle(size_t caller);
  void Arrive(size_t number);
  std::shared_ptr<User> NextUser(Tally& tally, Instant since, bool fresh);
  grpc::ByteBuffer Request(const std::string& path) const;

  const LaneSpec spec_;
  Calls& calls_;
  Tally tally_;
  const RunSpec* run_ = nullptr;
  grpc::ByteBuffer same_;
  size_t users_ = 0;
  size_t paths_ = 0;
  uint32_t primed_ = 0;
};

}  // namespace sluice::bench
