// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include "services/sandbox/world.h"

namespace sluice::sandbox {

// The session of the world's instance role: the same for everybody who asks, and a new one once half of its
// life is over, as an instance has it. Thread-safe.
class InstanceSession {
 public:
  explicit InstanceSession(World& world) : world_(world) {}

  struct Current {
    // Null in a world without an instance role.
    std::shared_ptr<const Principal> session;
    // When it was made.
    Time updated;
  };
  Current Get(Time now);

 private:
  World& world_;
  std::mutex mutex_;
  Current current_;  // guarded by mutex_
};

}  // namespace sluice::sandbox
