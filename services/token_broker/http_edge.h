// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/http/cors.h"
#include "common/http/server.h"
#include "services/token_broker/api.h"

namespace sluice::broker {

// The api over HTTP: `GET /get_sts_token` as the stock OSS mobile SDKs call it, every method of the proto as
// JSON under `/v1/` (at most 64 KiB), `GET /`. Thread-safe.
class HttpEdge final : public http::Handler {
 public:
  struct Options {
    // Whether failures of /get_sts_token have their own HTTP status rather than 200.
    bool real_status_codes = false;
    // Address of the sandbox's identity provider: with it `GET /` shows lines to copy. Empty outside
    // development.
    std::string development_issuer;
  };
  HttpEdge(ApiSource api, Options options) : api_(std::move(api)), options_(std::move(options)) {}
  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 64 * 1024; }

 private:
  const ApiSource api_;
  const Options options_;
};

// What web pages of `origins` may ask of it.
http::CorsRule PagesMayAsk(std::vector<std::string> origins);

}  // namespace sluice::broker
