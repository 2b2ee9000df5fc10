// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/http/client.h"

namespace sluice::http {

// Sends and blocks until the answer is there, for threads that have nothing else to do; never on the client's
// own thread. Ends at the deadline, or when cancelled.
absl::StatusOr<Response> SendAndWait(Client& client, Request request, Deadline deadline,
                                     CancelToken cancel = {});

}  // namespace sluice::http
