// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/upload_gateway/broker_link.h"
#include "services/upload_gateway/oss_access.h"

namespace sluice::gateway {

// The broker signs each request, by the upload's ticket: no credential of OSS is ever here, and no caller
// costs a token of STS.
class TicketAccess final : public OssAccess {
 public:
  // Must outlive it.
  explicit TicketAccess(BrokerLink& broker) : broker_(broker) {}
  void Ask(const SealedUpload& upload, OssOrder order, const CallFacts& call, Done done) override;

 private:
  BrokerLink& broker_;
};

}  // namespace sluice::gateway
