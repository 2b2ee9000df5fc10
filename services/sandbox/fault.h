// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::sandbox {

// A refusal as the vendor words it, and what the sandbox adds for the developer.
struct Fault {
  int status = 500;
  std::string code;
  std::string message;
  // OSS's diagnostic code; empty for STS.
  std::string ec;
  // One line: why this sandbox refuses. Goes into `x-sluice-hint`.
  std::string hint;
  // Further elements of the error document.
  std::vector<std::pair<std::string, std::string>> extra;
};

template <typename T>
using OrFault = std::variant<T, Fault>;

}  // namespace sluice::sandbox
