// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "common/base/timers.h"
#include "services/token_broker/broker_metrics.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// Counts and times each call of another Sts. Thread-safe.
class MeasuredSts final : public Sts {
 public:
  // The others must outlive it, and it the calls under way.
  MeasuredSts(std::unique_ptr<Sts> inner, BrokerMetrics& metrics, const Timers& timers)
      : inner_(std::move(inner)), metrics_(metrics), timers_(timers) {}
  void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) override;

 private:
  const std::unique_ptr<Sts> inner_;
  BrokerMetrics& metrics_;
  const Timers& timers_;
};

}  // namespace sluice::broker
