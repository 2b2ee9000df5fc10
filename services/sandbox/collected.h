// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "common/http/server.h"

namespace sluice::sandbox {

// An exchange that keeps a small body whole and answers from it at once.
std::unique_ptr<http::Exchange> Collect(absl::AnyInvocable<http::Answer(std::string body)> answer);

// The same for who answers later.
std::unique_ptr<http::Exchange> CollectAndRespond(
    absl::AnyInvocable<void(std::string body, http::Exchange::Respond respond)> serve);

}  // namespace sluice::sandbox
