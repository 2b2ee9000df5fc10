// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "common/base/clock.h"
#include "google/protobuf/timestamp.pb.h"

namespace sluice::cli {

// This machine's clock, put right by what the broker says the time is.
class BrokerClock final : public Clock {
 public:
  explicit BrokerClock(const google::protobuf::Timestamp& server_time)
      : ahead_(Time(std::chrono::seconds(server_time.seconds())) - std::chrono::system_clock::now()) {}
  Time Now() const override { return std::chrono::system_clock::now() + ahead_; }

 private:
  const Time::duration ahead_;
};

}  // namespace sluice::cli
