// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "common/http/client.h"

namespace sluice::testing {

// Answers at once with what it was given, and keeps what it was asked.
class ScriptedHttpClient final : public http::Client {
 public:
  std::vector<http::Request> asked;
  absl::StatusOr<http::Response> answer = http::Response{200, {}, ""};

  void Send(http::Request request, Deadline, CancelToken, Done done) override {
    asked.push_back(std::move(request));
    done(answer);
  }
};

}  // namespace sluice::testing
