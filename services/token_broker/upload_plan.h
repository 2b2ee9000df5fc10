// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "services/token_broker/limits.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// The form that an upload goes by.
struct ChosenForm {
  token::v1::UploadForm form = token::v1::UPLOAD_FORM_UNSPECIFIED;
  // For a person.
  std::string why;
  // Of PART_URLS.
  uint64_t part_bytes = 0;
  uint32_t parts = 0;
};

// The cheapest of the client's forms that can carry the object and holds the grant's limits: what costs no
// AssumeRole first, one request before many; above 100 MiB parts before one long request, which could not be
// resumed. Pure. `REQUEST_INVALID`, `LIMIT_EXCEEDED` for the object itself, `LIMIT_NOT_ENFORCEABLE` when only
// forms that cannot hold the limits are left, `FORM_UNUSABLE` otherwise.
absl::StatusOr<ChosenForm> ChooseForm(const token::v1::PlanUploadRequest& request, const Limits& limits,
                                      bool has_gateway);

}  // namespace sluice::broker
