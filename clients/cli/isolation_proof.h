// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cpp/token_client.h"
#include "common/http/client.h"

namespace sluice::cli {

struct IsolationOptions {
  // Of both callers; it should give every operation, or less is tried.
  std::string grant;
  // Told of each step, for a person.
  std::function<void(const std::string& line)> progress;
};

struct IsolationResult {
  // Attempts of one caller on what is another's, each refused unless it is among `exceptions`.
  size_t attempts = 0;
  // Things the caller may do, which must work, or the refusals would prove nothing.
  size_t controls = 0;
  // What should have been refused and was not, or should have worked and did not.
  std::vector<std::string> exceptions;
};

// Tries, as `attacker`, to reach what is `victim`'s through every form of credential: tokens of every set of
// operations and every kind of scope, URLs, forms and tickets, as issued and tampered with, by every call of
// OSS on every spelling of the victim's keys; and asks the broker for the victim's prefix in every way that
// paths can be written. Writes and deletes objects below both prefixes: for a sandbox, or a bucket of one's
// own. An error is what kept it from trying at all; blocks for some seconds.
absl::StatusOr<IsolationResult> ProveIsolation(client::TokenClient& attacker, client::TokenClient& victim,
                                               http::Client& http, const IsolationOptions& options);

}  // namespace sluice::cli
