// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "boost/json.hpp"
#include "common/http/server.h"

namespace sluice::http {

// What operators and their machines ask, on a listener of its own:
// `/healthz`: the process answers. `/healthz?deep`: what the service knows of the things it needs, as JSON,
// 200 or 503; for people and alerts, never for a probe that restarts or removes a replica. `/readyz`: config
// good, listening and not draining, as JSON, 200 or 503; never a question to STS. `/metrics`: the Prometheus
// text format. `/` lists them. Thread-safe.
class AdminEdge final : public Handler {
 public:
  struct Health {
    bool good = true;
    // One member for each thing, with what is known of it. No secret.
    boost::json::object parts;
  };
  // Both are called on the server's thread: they say what is known and ask nobody.
  struct Sources {
    std::function<Health()> deep;
    std::function<std::string()> metrics;
  };
  AdminEdge() : AdminEdge(Sources()) {}
  explicit AdminEdge(Sources sources) : sources_(std::move(sources)) {}

  // True once all listeners are open; false when the service begins to drain.
  void SetReady(bool ready) { state_ = ready ? State::kServing : State::kDraining; }
  bool ready() const { return state_ == State::kServing; }

  std::unique_ptr<Exchange> Start(RequestHead head) override;
  uint64_t BodyLimit(const RequestHead&) const override { return 1024; }

 private:
  enum class State { kStarting, kServing, kDraining };
  Answer AnswerTo(const RequestHead& head) const;
  Answer Deep() const;
  Answer Ready() const;

  const Sources sources_;
  std::atomic<State> state_ = State::kStarting;
};

}  // namespace sluice::http
