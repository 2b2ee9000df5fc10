// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "common/http/body_client.h"
#include "common/http/client.h"

namespace sluice::http {

// A Client that sends requests with a `source` and without a `sink` by `bodies`, and all others by `calls`.
// The source is read at first on the caller's thread, then on the client's. `ABORTED` `BODY_CUT` for one that
// ends early. Both must outlive it and what is under way.
std::unique_ptr<Client> MakeSplitClient(Client& calls, BodyClient& bodies);

}  // namespace sluice::http
