// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/http/cors.h"
#include "common/http/server.h"
#include "services/upload_gateway/api.h"
#include "services/upload_gateway/byte_budget.h"

namespace sluice::gateway {

// The Api over HTTP as tus 1.0 servers speak it, for stock clients: `POST /files/` creates, `PATCH` appends,
// `HEAD` tells the offset, `DELETE` aborts, at `/files/{upload_id}`. The same uploads as over gRPC: begun
// here they can be finished there, and back. An offset that is told is durable, so after a break it may be
// less than what was sent; a body must end the object or fill a slot, else it is refused. What HEAD says is
// whole is an object: where only the completion was lost, HEAD makes up for it. Thread-safe.
class TusEdge final : public http::Handler {
 public:
  // Both must outlive it.
  TusEdge(Api& api, ByteBudget& budget) : api_(api), budget_(budget) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead& head) const override;

 private:
  Api& api_;
  ByteBudget& budget_;
};

// What web pages of `origins` may ask of it.
http::CorsRule PagesMayUpload(std::vector<std::string> origins);

}  // namespace sluice::gateway
