// SPDX-License-Identifier: Apache-2.0
#include "common/http/split_client.h"

#include <mutex>
#include <utility>

#include "common/base/status.h"

namespace sluice::http {
namespace {

// Gives a source's bytes to a body, piece after piece as they leave.
class Pump : public std::enable_shared_from_this<Pump> {
 public:
  Pump(std::shared_ptr<BodySource> source, CancelSource cancel)
      : source_(std::move(source)), cancel_(std::move(cancel)) {}

  void Start(std::shared_ptr<OutgoingBody> body) {
    body_ = std::move(body);
    Next();
  }
  // The request has ended: nothing more is read. Why the source gave no more; OK where it did. Once.
  absl::Status End() {
    std::lock_guard lock(mutex_);
    ended_ = true;
    return std::exchange(failure_, absl::OkStatus());
  }

 private:
  void Next() {
    constexpr size_t kPiece = 256 * 1024;
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
    }
    if (given_ == source_->size()) return;
    std::string piece(kPiece, '\0');
    absl::StatusOr<size_t> got = source_->Read(piece);
    if (got.ok() && *got == 0)
      got = Fail(absl::StatusCode::kAborted, "BODY_CUT",
                 "the source ended before the length that it had named");
    if (!got.ok()) {
      {
        std::lock_guard lock(mutex_);
        failure_ = got.status();
      }
      return cancel_.Cancel();
    }
    given_ += *got;
    piece.resize(*got);
    body_->Write(absl::Cord(std::move(piece)), [self = shared_from_this()] { self->Next(); });
  }

  const std::shared_ptr<BodySource> source_;
  CancelSource cancel_;
  std::shared_ptr<OutgoingBody> body_;
  uint64_t given_ = 0;
  std::mutex mutex_;
  absl::Status failure_;  // guarded by mutex_, as below
  bool ended_ = false;
};

class SplitClient final : public Client {
 public:
  SplitClient(Client& calls, BodyClient& bodies) : calls_(calls), bodies_(bodies) {}

  void Send(Request request, Deadline deadline, CancelToken cancel, Done done) override {
    if (request.source == nullptr || request.sink != nullptr)
      return calls_.Send(std::move(request), deadline, std::move(cancel), std::move(done));
    CancelSource own;
    cancel.OnCancel([own]() mutable { own.Cancel(); });
    const auto pump = std::make_shared<Pump>(request.source, own);
    const uint64_t length = request.source->size();
    auto body = bodies_.Open(std::move(request), length, deadline, own.token(),
                             [pump, done = std::move(done)](absl::StatusOr<Response> answer) mutable {
                               const absl::Status failure = pump->End();
                               done(failure.ok() ? std::move(answer) : absl::StatusOr<Response>(failure));
                             });
    pump->Start(std::move(body));
  }

 private:
  Client& calls_;
  BodyClient& bodies_;
};

}  // namespace

std::unique_ptr<Client> MakeSplitClient(Client& calls, BodyClient& bodies) {
  return std::make_unique<SplitClient>(calls, bodies);
}

}  // namespace sluice::http
