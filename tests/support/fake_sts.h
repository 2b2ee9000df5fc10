// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "services/token_broker/sts.h"

namespace sluice::testing {

// Answers at once with what it was given, and keeps what it was asked.
class FakeSts final : public broker::Sts {
 public:
  std::vector<broker::AssumeRoleRequest> asked;
  absl::StatusOr<aliyun::Credentials> answer = absl::UnknownError("no answer given");

  void AssumeRole(broker::AssumeRoleRequest request, Deadline, CancelToken, Done done) override {
    asked.push_back(std::move(request));
    done(answer);
  }
};

}  // namespace sluice::testing
