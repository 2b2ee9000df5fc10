// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/admin_edge.h"

namespace sluice::broker {
namespace {

class Fixed final : public http::Exchange {
 public:
  Fixed(int status, std::string text) {
    answer_.status = status;
    answer_.headers = {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}};
    answer_.body = std::move(text) + "\n";
  }
  absl::Status OnBody(std::string_view) override { return absl::OkStatus(); }
  void OnEnd(Respond respond) override { respond(std::move(answer_)); }

 private:
  http::Answer answer_;
};

}  // namespace

std::unique_ptr<http::Exchange> AdminEdge::Start(http::RequestHead head) {
  const std::string path = head.target.substr(0, head.target.find('?'));
  if (path != "/healthz" && path != "/readyz")
    return std::make_unique<Fixed>(404, "/healthz and /readyz are here");
  if (head.method != "GET" && head.method != "HEAD") return std::make_unique<Fixed>(405, "GET only");
  if (path == "/healthz") return std::make_unique<Fixed>(200, "ok");
  return ready_ ? std::make_unique<Fixed>(200, "ready") : std::make_unique<Fixed>(503, "draining");
}

}  // namespace sluice::broker
