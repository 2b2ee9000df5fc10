// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/collected.h"

namespace sluice::sandbox {

std::unique_ptr<http::Exchange> Collect(absl::AnyInvocable<http::Answer(std::string)> answer) {
  class Collected final : public http::Exchange {
   public:
    explicit Collected(absl::AnyInvocable<http::Answer(std::string)> answer) : answer_(std::move(answer)) {}
    absl::Status OnBody(std::string_view piece) override {
      body_ += piece;
      return absl::OkStatus();
    }
    void OnEnd(Respond respond) override { respond(answer_(std::move(body_))); }

   private:
    absl::AnyInvocable<http::Answer(std::string)> answer_;
    std::string body_;
  };
  return std::make_unique<Collected>(std::move(answer));
}

}  // namespace sluice::sandbox
