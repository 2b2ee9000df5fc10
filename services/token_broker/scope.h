// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sluice/token/v1/scope.pb.h"

namespace sluice::broker {

using token::v1::Operation;

// Where an authority reaches and what it may do there. A value.
struct Scope {
  std::string bucket;
  // A key when `is_object`, else a prefix that ends in `/`.
  std::string target;
  bool is_object = false;
  std::set<Operation> operations;
  // Networks that its requests must come from, as written in the config; empty for any.
  std::vector<std::string> source_ips;
  bool tls_only = false;
};

}  // namespace sluice::broker
