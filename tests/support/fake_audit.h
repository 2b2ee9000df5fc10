// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "services/token_broker/audit.h"

namespace sluice::testing {

// Keeps every record, and answers what it is told to.
class FakeAudit final : public broker::Audit {
 public:
  std::vector<broker::AuditRecord> records;
  absl::Status answer;
  absl::Status Accept(const broker::AuditRecord& record) override {
    records.push_back(record);
    return answer;
  }
};

}  // namespace sluice::testing
