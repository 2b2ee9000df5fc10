// SPDX-License-Identifier: Apache-2.0
#include "common/http/admin_edge.h"

#include "common/http/target.h"
#include "common/telemetry/metrics.h"

namespace sluice::http {
namespace {

constexpr char kList[] =
    "/healthz       the process answers\n"
    "/healthz?deep  what it knows of the things it needs\n"
    "/readyz        config good, listening, not draining\n"
    "/metrics       for Prometheus\n";

class Fixed final : public Exchange {
 public:
  explicit Fixed(Answer answer) : answer_(std::move(answer)) {}
  absl::Status OnBody(std::string_view) override { return absl::OkStatus(); }
  void OnEnd(Respond respond) override { respond(std::move(answer_)); }

 private:
  Answer answer_;
};

Answer Say(int status, std::string body, const char* type = "text/plain") {
  return {status, {{"Content-Type", type}, {"Cache-Control", "no-store"}}, std::move(body), nullptr};
}

Answer Json(int status, const boost::json::object& body) {
  return Say(status, boost::json::serialize(body) + "\n", "application/json");
}

}  // namespace

Answer AdminEdge::Deep() const {
  const Health health = sources_.deep ? sources_.deep() : Health();
  boost::json::object body{{"healthy", health.good}};
  for (const auto& part : health.parts) body.insert(part);
  return Json(health.good ? 200 : 503, body);
}

Answer AdminEdge::Ready() const {
  const State state = state_;
  // Without a good config there is no service, and a bad new one leaves the good one in force.
  return Json(state == State::kServing ? 200 : 503, {{"ready", state == State::kServing},
                                                     {"config", true},
                                                     {"listening", state != State::kStarting},
                                                     {"draining", state == State::kDraining}});
}

Answer AdminEdge::AnswerTo(const RequestHead& head) const {
  const auto target = ParseTarget(head.target);
  const std::string path = target ? target->path : std::string();
  const bool metrics = path == "/metrics" && sources_.metrics;
  if (path != "/" && path != "/healthz" && path != "/readyz" && !metrics)
    return Say(404, std::string("nothing is here; try\n") + kList);
  if (head.method != "GET" && head.method != "HEAD") {
    Answer answer = Say(405, "GET only\n");
    answer.headers.emplace_back("Allow", "GET, HEAD");
    return answer;
  }
  if (path == "/") return Say(200, kList);
  if (metrics) return Say(200, sources_.metrics(), telemetry::Metrics::kContentType);
  if (path == "/readyz") return Ready();
  return target->Has("deep") ? Deep() : Say(200, "ok\n");
}

std::unique_ptr<Exchange> AdminEdge::Start(RequestHead head) {
  return std::make_unique<Fixed>(AnswerTo(head));
}

}  // namespace sluice::http
