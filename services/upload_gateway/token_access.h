// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/aliyun/credentials.h"
#include "common/aliyun/oss_signer.h"
#include "common/base/bounded_cache.h"
#include "services/upload_gateway/broker_link.h"
#include "services/upload_gateway/oss_access.h"
#include "services/upload_gateway/ticket_access.h"

namespace sluice::gateway {

// The broker gives a token of STS for each upload's object, and requests are signed here: fewer calls of the
// broker for a large object, one AssumeRole for each. Tokens are kept until the broker says to ask again.
// Whether an object is there is asked by the broker's own HEAD, since no token that is held here may read.
class TokenAccess final : public OssAccess {
 public:
  // Both must outlive it and the calls under way.
  TokenAccess(BrokerLink& broker, const Clock& clock)
      : broker_(broker), clock_(clock), heads_(broker), tokens_(kKept) {}
  void Ask(const SealedUpload& upload, OssOrder order, const CallFacts& call, Done done) override;

 private:
  static constexpr uint64_t kKept = 16 << 20;
  struct Token {
    aliyun::Credentials credentials;
    Time refresh_after;
  };
  absl::StatusOr<std::vector<Permit>> Sign(const SealedUpload& upload, const OssOrder& order,
                                           const Token& token);
  aliyun::OssSigner& SignerFor(const std::string& region);

  BrokerLink& broker_;
  const Clock& clock_;
  TicketAccess heads_;
  BoundedCache<const Token> tokens_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<aliyun::OssSigner>> signers_;  // guarded by mutex_
};

}  // namespace sluice::gateway
