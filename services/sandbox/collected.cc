// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/collected.h"

namespace sluice::sandbox {

std::unique_ptr<http::Exchange> Collect(absl::AnyInvocable<http::Answer(std::string)> answer) {
  return CollectAndRespond(
      [answer = std::move(answer)](std::string body, http::Exchange::Respond respond) mutable {
        respond(answer(std::move(body)));
      });
}

std::unique_ptr<http::Exchange> CollectAndRespond(
    absl::AnyInvocable<void(std::string, http::Exchange::Respond)> serve) {
  class Collected final : public http::Exchange {
   public:
    explicit Collected(absl::AnyInvocable<void(std::string, Respond)> serve) : serve_(std::move(serve)) {}
    absl::Status OnBody(std::string_view piece) override {
      body_ += piece;
      return absl::OkStatus();
    }
    void OnEnd(Respond respond) override { serve_(std::move(body_), std::move(respond)); }

   private:
    absl::AnyInvocable<void(std::string, Respond)> serve_;
    std::string body_;
  };
  return std::make_unique<Collected>(std::move(serve));
}

}  // namespace sluice::sandbox
