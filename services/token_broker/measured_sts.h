// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/base/timers.h"
#include "services/token_broker/broker_metrics.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// Counts and times each call of another Sts. Thread-safe.
class MeasuredSts final : public Sts {
 public:
  // All must outlive it and the calls under way.
  MeasuredSts(Sts& inner, BrokerMetrics& metrics, const Timers& timers)
      : inner_(inner), metrics_(metrics), timers_(timers) {}
  void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) override;

 private:
  Sts& inner_;
  BrokerMetrics& metrics_;
  const Timers& timers_;
};

}  // namespace sluice::broker
