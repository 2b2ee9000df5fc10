// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "common/aliyun/credentials.h"

namespace sluice::aliyun {

// Where this program's own key comes from. Thread-safe; never blocks.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  // The key to sign with now; null while there is none, or it has ended.
  virtual std::shared_ptr<const Credentials> Current() const = 0;
  // The vendor has refused the current key: get another soon, where that is possible.
  virtual void Renew() = 0;
};

// One key that stays.
class FixedCredentials final : public CredentialSource {
 public:
  explicit FixedCredentials(Credentials key) : key_(std::make_shared<const Credentials>(std::move(key))) {}
  std::shared_ptr<const Credentials> Current() const override { return key_; }
  void Renew() override {}

 private:
  const std::shared_ptr<const Credentials> key_;
};

}  // namespace sluice::aliyun
