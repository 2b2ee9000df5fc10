// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "sluice/token/v1/token_broker.pb.h"

// What the commands print. Pure but for the progress.
namespace sluice::cli {

// 0 done, 1 refused or failed, 2 usage or config, 75 try later, 130 Ctrl-C.
int ExitCode(const absl::Status& status);

// `sluice: REASON: message`, and what helps beside it. No secret is in a status.
std::string ErrorText(const absl::Status& status);

// Lines for `eval` in a shell: OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET, OSS_SESSION_TOKEN as the OSS tools
// read them, and SLUICE_BUCKET, SLUICE_REGION, SLUICE_ENDPOINT, SLUICE_PREFIX or SLUICE_KEY, SLUICE_EXPIRES.
// Each value is one quoted word whatever it holds.
std::string EnvText(const token::v1::IssueTokenResponse& token);

// By the end of the name; `application/octet-stream` when it says nothing.
std::string ContentTypeOf(const std::string& file_name);

// A bar on a terminal, a line for each quarter elsewhere; on standard error.
std::function<void(uint64_t done, uint64_t total)> MakeProgress(bool terminal);

}  // namespace sluice::cli
