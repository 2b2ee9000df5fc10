// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/lane.h"

#include <algorithm>

#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::bench {
namespace {

const std::string& Method(LaneSpec::Ask ask) {
  static const std::string kIssueToken = "/sluice.token.v1.TokenBroker/IssueToken";
  static const std::string kPlanUpload = "/sluice.token.v1.TokenBroker/PlanUpload";
  static const std::string kExplainAccess = "/sluice.token.v1.TokenBroker/ExplainAccess";
  static const std::string kListGrants = "/sluice.token.v1.TokenBroker/ListGrants";
  switch (ask) {
    case LaneSpec::Ask::kToken:
      return kIssueToken;
    case LaneSpec::Ask::kExplain:
      return kExplainAccess;
    case LaneSpec::Ask::kGrants:
      return kListGrants;
    default:
      return kPlanUpload;
  }
}

grpc::ByteBuffer Bytes(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

// Somebody who wants one thing and asks until it is there.
struct Lane::User {
  const std::string& bearer;
  grpc::ByteBuffer request;
  Tally& tally;
  // When it first asked, or should have.
  Instant since;
  // What happens when it is served or has gone away.
  std::function<void()> then;

  void Served(Instant when) {
    tally.Served(when - since);
    if (then) then();
  }
  void Failed(const std::string& error) {
    tally.Failed(error);
    if (then) then();
  }
};

// `photos` and a path of ordinary length stand in every request, as an app would name them.
grpc::ByteBuffer Lane::Request(const std::string& path) const {
  switch (spec_.ask) {
    case LaneSpec::Ask::kToken: {
      token::v1::IssueTokenRequest request;
      request.set_grant("photos");
      request.set_path(path);
      if (spec_.ttl != 0) request.mutable_ttl()->set_seconds(spec_.ttl);
      return Bytes(request);
    }
    case LaneSpec::Ask::kExplain: {
      token::v1::ExplainAccessRequest request;
      request.set_grant("photos");
      request.set_path(path);
      request.set_operation(token::v1::OPERATION_UPLOAD);
      return Bytes(request);
    }
    case LaneSpec::Ask::kGrants:
      return Bytes(token::v1::ListGrantsRequest());
    default: {
      token::v1::PlanUploadRequest request;
      request.set_grant("photos");
      request.set_path(path + "photo.jpg");
      request.set_size_bytes(2'000'000);
      request.set_content_type("image/jpeg");
      if (spec_.ask == LaneSpec::Ask::kPlanToken) request.add_forms(token::v1::UPLOAD_FORM_TOKEN);
      return Bytes(request);
    }
  }
}

std::shared_ptr<Lane::User> Lane::NextUser(Tally& tally, Instant since, bool fresh) {
  const std::string& bearer = run_->bearers[spec_.first + users_++ % spec_.users];
  grpc::ByteBuffer request = same_;
  if (fresh) request = Request("albums/" + run_->tag + "-" + std::to_string(paths_++) + "/");
  return std::make_shared<User>(User{bearer, std::move(request), tally, since, {}});
}

void Lane::Ask(std::shared_ptr<User> user) {
  User& asking = *user;
  calls_.Start(Method(spec_.ask), asking.request, asking.bearer, run_->deadline,
               [this, user = std::move(user)](const Outcome& outcome) mutable {
                 user->tally.Answered(outcome.ended - outcome.began);
                 if (outcome.ok) return user->Served(outcome.ended);
                 if (!outcome.retry) return user->Failed(outcome.error);
                 user->tally.ToldToWait(outcome.error);
                 const Instant back = outcome.ended + *outcome.retry;
                 if (back - user->since > run_->patience) return user->Failed("GAVE_UP");
                 calls_.At(back, [this, user = std::move(user)]() mutable { Ask(std::move(user)); });
               });
}

void Lane::Cycle(size_t caller) {
  if (std::chrono::steady_clock::now() >= run_->end) return;
  // A request of its own only where the path is; the rest is sent as it stands.
  auto fresh = spec_.fresh ? NextUser(tally_, {}, true) : nullptr;
  const grpc::ByteBuffer& request = fresh ? fresh->request : same_;
  const std::string& bearer = run_->bearers[spec_.first + users_++ % spec_.users];
  calls_.Start(Method(spec_.ask), request, fresh ? fresh->bearer : bearer, run_->deadline,
               [this, caller, fresh](const Outcome& outcome) {
                 if (outcome.began >= run_->measure && outcome.ended <= run_->end) {
                   const auto took = outcome.ended - outcome.began;
                   outcome.ok ? tally_.Served(took) : tally_.Failed(outcome.error);
                 }
                 Cycle(caller);
               });
}

void Lane::Arrive(size_t number) {
  const auto when = [&](size_t n) {
    return run_->begin +
           std::chrono::nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(n) / spec_.rate));
  };
  const Instant due = when(number);
  if (due >= run_->end) return;
  Ask(NextUser(tally_, due, spec_.fresh));
  calls_.At(when(number + 1), [this, number] { Arrive(number + 1); });
}

void Lane::Prime(const RunSpec& run, Tally& tally) {
  constexpr uint32_t kAtOnce = 16;
  run_ = &run;
  same_ = Request("albums/");
  for (uint32_t i = 0; i < std::min(kAtOnce, spec_.users); ++i) PrimeNext(tally);
}

void Lane::PrimeNext(Tally& tally) {
  if (primed_ == spec_.users) return;
  ++primed_;
  auto user = NextUser(tally, std::chrono::steady_clock::now(), false);
  user->then = [this, &tally] { PrimeNext(tally); };
  Ask(std::move(user));
}

void Lane::Begin(const RunSpec& run) {
  run_ = &run;
  same_ = Request("albums/");
  users_ = 0;
  switch (spec_.kind) {
    case LaneSpec::Kind::kClosed:
      for (size_t i = 0; i < spec_.callers; ++i) Cycle(i);
      return;
    case LaneSpec::Kind::kOpen:
      return calls_.At(run.begin, [this] { Arrive(0); });
    case LaneSpec::Kind::kBurst:
      for (size_t i = 0; i < spec_.callers; ++i)
        Ask(NextUser(tally_, std::chrono::steady_clock::now(), spec_.fresh));
      return;
  }
}

}  // namespace sluice::bench
