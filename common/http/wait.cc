// SPDX-License-Identifier: Apache-2.0
#include "common/http/wait.h"

#include <future>
#include <memory>

namespace sluice::http {

absl::StatusOr<Response> SendAndWait(Client& client, Request request, Deadline deadline, CancelToken cancel) {
  // Shared: the answering thread may still be inside set_value when this one goes on.
  auto promise = std::make_shared<std::promise<absl::StatusOr<Response>>>();
  auto answer = promise->get_future();
  client.Send(std::move(request), deadline, std::move(cancel),
              [promise](absl::StatusOr<Response> response) { promise->set_value(std::move(response)); });
  return answer.get();
}

}  // namespace sluice::http
