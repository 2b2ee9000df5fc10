// SPDX-License-Identifier: Apache-2.0
#include "common/identity/key_source.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace sluice::identity {
namespace {

class FixedKeySource final : public KeySource {
 public:
  explicit FixedKeySource(std::shared_ptr<const Jwks> keys) : keys_(std::move(keys)) {}
  std::shared_ptr<const Jwks> Current() const override { return keys_; }

 private:
  const std::shared_ptr<const Jwks> keys_;
};

absl::StatusOr<std::shared_ptr<const Jwks>> Parse(const absl::StatusOr<http::Response>& response) {
  if (!response.ok()) return response.status();
  if (response->status == 200) return ParseJwks(response->body);
  return Fail(absl::StatusCode::kUnavailable, "JWKS_INVALID",
              "the JWKS address answered HTTP " + std::to_string(response->status));
}

}  // namespace

absl::StatusOr<std::shared_ptr<KeySource>> LoadKeyFile(const std::string& path) {
  const auto text = ReadFile(path);
  if (!text)
    return Fail(absl::StatusCode::kInvalidArgument, "JWKS_INVALID",
                "the file cannot be read or is larger than 1 MiB");
  ASSIGN_OR_RETURN(auto keys, ParseJwks(*text));
  return std::make_shared<FixedKeySource>(std::move(keys));
}

struct UrlKeySource::State {
  State(http::Client& http, telemetry::Log& to, std::string from)
      : client(http), log(to), url(std::move(from)) {}

  // Waits for the answer on this thread, which has nothing else to do.
  void Fetch(const std::shared_ptr<State>& self) {
    http::Request request{"GET", url, {{"Accept", "application/json"}}, "", nullptr, nullptr};
    client.Send(std::move(request), Deadline::After(std::chrono::seconds(5)), cancel.token(),
                [self](absl::StatusOr<http::Response> response) { self->Take(std::move(response)); });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return answered; });
    answered = false;
  }

  void Take(absl::StatusOr<http::Response> response) {
    auto parsed = Parse(response);
    if (!parsed.ok()) {
      log.Write(telemetry::Severity::kWarning, "jwks_fetch_failed",
                {{"url", url}, {"why", std::string(FromAbsl(parsed.status().message()))}});
    }
    std::vector<absl::AnyInvocable<void()>> waiting;
    {
      std::lock_guard lock(mutex);
      if (parsed.ok()) keys = *std::move(parsed);
      answered = true;
      fetched_once = true;
      waiting.swap(first);
    }
    changed.notify_all();
    for (auto& done : waiting) done();
  }

  http::Client& client;
  telemetry::Log& log;
  const std::string url;
  CancelSource cancel;
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<const Jwks> keys;  // guarded by mutex, as all below
  std::vector<absl::AnyInvocable<void()>> first;
  bool answered = false;
  bool fetched_once = false;
  bool ending = false;
  std::thread thread;  // set once, before anybody else sees it
};

UrlKeySource::UrlKeySource(http::Client& client, telemetry::Log& log, std::string url,
                           std::chrono::milliseconds interval)
    : state_(std::make_shared<State>(client, log, std::move(url))) {
  state_->thread = std::thread([state = state_, interval] {
    for (;;) {
      state->Fetch(state);
      std::unique_lock lock(state->mutex);
      const auto pause = state->keys == nullptr
                             ? std::min<std::chrono::milliseconds>(interval, std::chrono::seconds(2))
                             : interval;
      if (state->changed.wait_for(lock, pause, [&] { return state->ending; })) return;
    }
  });
}

UrlKeySource::~UrlKeySource() { Stop(); }

void UrlKeySource::Stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_all();
  state_->cancel.Cancel();
  if (state_->thread.joinable()) state_->thread.join();
}

std::shared_ptr<const Jwks> UrlKeySource::Current() const {
  std::lock_guard lock(state_->mutex);
  return state_->keys;
}

void UrlKeySource::OnFirstFetch(absl::AnyInvocable<void()> done) {
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->fetched_once) {
      state_->first.push_back(std::move(done));
      return;
    }
  }
  done();
}

}  // namespace sluice::identity
