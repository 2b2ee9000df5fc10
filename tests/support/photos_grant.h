// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/token_broker/grants.h"

namespace sluice::testing {

// `photos`, which callers of `app` hold: uploads under `uploads/<subject>/`.
inline broker::Grant PhotosGrant() {
  broker::Grant grant{.prefix = broker::PrefixTemplate::Parse("uploads/{subject}/").value()};
  grant.name = "photos";
  grant.who = {{"app", {}}};
  grant.role_arn = "acs:ram::1:role/r";
  grant.bucket = "my-bucket";
  grant.region = "cn-hangzhou";
  grant.operations = {token::v1::OPERATION_UPLOAD};
  return grant;
}

}  // namespace sluice::testing
