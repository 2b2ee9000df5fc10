// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/outgoing_calls.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/rpc/status_mapping.h"

namespace sluice::rpc {

absl::Status OutgoingCalls::Fill(grpc::ClientContext& context, const Metadata& metadata, Deadline deadline) {
  for (const auto& [name, value] : metadata) {
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!plain)
      return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
                  "the header " + name + " holds a character that no header has");
    context.AddMetadata(name, value);
  }
  context.set_deadline(std::chrono::system_clock::now() + deadline.Left());
  return absl::OkStatus();
}

absl::Status OutgoingCalls::Read(const grpc::Status& status) { return FromGrpc(status); }

}  // namespace sluice::rpc
