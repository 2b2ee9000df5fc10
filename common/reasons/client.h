// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/reasons/token_broker.h"

namespace sluice::reasons {

// What the C++ client and `sluice` say by themselves, beside what a broker or OSS answers.
inline constexpr std::array kClient = std::to_array<Entry>({
    {"USAGE", absl::StatusCode::kInvalidArgument, false, "mend the command line; --help shows each option"},
    {"BROKER_UNSET", absl::StatusCode::kInvalidArgument, false, "give --broker, or set SLUICE_BROKER"},
    {"BROKER_ADDRESS_INVALID", absl::StatusCode::kInvalidArgument, false,
     "write HOST:PORT for this machine, https://HOST:PORT for others"},
    {"BROKER_UNREACHABLE", absl::StatusCode::kUnavailable, true,
     "check the address and that the broker runs"},
    {"GATEWAY_UNSET", absl::StatusCode::kInvalidArgument, false, "give --gateway, or set SLUICE_GATEWAY"},
    {"GATEWAY_UNREACHABLE", absl::StatusCode::kUnavailable, true,
     "check the address and that the gateway runs; the same command goes on"},
    {"FILE_CHANGED", absl::StatusCode::kAborted, false, "upload a file that nobody writes to meanwhile"},
    {"BROKER_TIMEOUT", absl::StatusCode::kDeadlineExceeded, true, "try again; the operator checks STS"},
    {"JWT_UNREADABLE", absl::StatusCode::kInvalidArgument, false, "name a file that holds one JWT or ticket"},
    {"JWT_UNUSABLE", absl::StatusCode::kInvalidArgument, false, "put the token alone into the file"},
    {"CA_UNREADABLE", absl::StatusCode::kInvalidArgument, false, "name a PEM file with --ca"},
    {"CERTIFICATE_UNREADABLE", absl::StatusCode::kInvalidArgument, false,
     "name PEM files with --cert and --key"},
    {"REQUEST_TOO_LARGE", absl::StatusCode::kInvalidArgument, false, "send a smaller request or JWT"},
    {"ENDPOINT_INVALID", absl::StatusCode::kInvalidArgument, false,
     "let the grant name an https endpoint, or pass --allow-http in development"},
    {"ISOLATION_BROKEN", absl::StatusCode::kFailedPrecondition, false,
     "read the exceptions; each is a hole or a failed control"},
    {"IDENTITY_UNREACHABLE", absl::StatusCode::kUnavailable, true,
     "give --identity the address of a sandbox's identity provider"},
});

}  // namespace sluice::reasons
