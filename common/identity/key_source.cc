// SPDX-License-Identifier: Apache-2.0
#include "common/identity/key_source.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/wait.h"

namespace sluice::identity {
namespace {

using Callbacks = std::vector<absl::AnyInvocable<void()>>;

class FixedKeySource final : public KeySource {
 public:
  explicit FixedKeySource(std::shared_ptr<const Jwks> keys) : keys_(std::move(keys)) {}
  std::shared_ptr<const Jwks> Current() const override { return keys_; }
  void Refresh(absl::AnyInvocable<void()> done) override { done(); }

 private:
  const std::shared_ptr<const Jwks> keys_;
};

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "JWKS_INVALID", what);
}

// `host[:port]` of an address; empty when it is none.
std::string_view HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<KeySource>> LoadKeyFile(const std::string& path) {
  const auto text = ReadFile(path);
  if (!text) return Invalid("the file cannot be read or is larger than 1 MiB");
  ASSIGN_OR_RETURN(auto keys, ParseJwks(*text));
  return std::make_shared<FixedKeySource>(std::move(keys));
}

absl::StatusOr<std::string> ReadDiscovery(std::string_view document, const KeyLocation& location) {
  if (document.size() > 1024 * 1024) return Invalid("the discovery document is larger than 1 MiB");
  const auto parsed = ParseJson(document);
  if (!parsed.ok() || !parsed->is_object()) return Invalid("the discovery document is not a JSON object");
  if (JsonText(parsed->get_object(), "issuer") != location.issuer)
    return Invalid("the discovery document is of another issuer");
  std::string url(JsonText(parsed->get_object(), "jwks_uri"));
  const bool https = url.starts_with("https://");
  if (!https && !(location.allow_http && url.starts_with("http://")))
    return Invalid("the discovered jwks_uri is not https");
  const std::string_view host = HostOf(url);
  // A user name before the host would make the host another one than it seems.
  if (host.empty() || host.find('@') != std::string_view::npos ||
      (host != HostOf(location.issuer) && host != location.jwks_host))
    return Invalid("the discovered jwks_uri is on another host than the issuer; name it as jwks_host");
  return url;
}

struct UrlKeySource::State {
  State(http::Client& http, telemetry::Log& to, KeyLocation from)
      : client(http), log(to), location(std::move(from)) {}

  // Waits for the answer on this thread, which has nothing else to do.
  absl::StatusOr<std::string> Get(const std::string& url) {
    http::Request request{"GET", url, {{"Accept", "application/json"}}, "", nullptr, nullptr};
    if (!location.bearer_token_file.empty()) {
      std::string token = ReadFile(location.bearer_token_file).value_or("");
      while (token.ends_with('\n') || token.ends_with('\r')) token.pop_back();
      if (token.empty()) return Invalid("bearer_token_file cannot be read");
      request.headers.emplace_back("Authorization", "Bearer " + token);
    }
    auto response = http::SendAndWait(client, std::move(request), Deadline::After(std::chrono::seconds(5)),
                                      cancel.token());
    if (!response.ok()) return response.status();
    if (response->status != 200)
      return Fail(absl::StatusCode::kUnavailable, "JWKS_INVALID",
                  "it answered HTTP " + std::to_string(response->status));
    return std::move(response->body);
  }

  absl::StatusOr<std::shared_ptr<const Jwks>> FetchKeys() {
    std::string url = location.jwks_url;
    if (url.empty()) {
      std::string base = location.issuer;
      if (base.ends_with('/')) base.pop_back();
      ASSIGN_OR_RETURN(const std::string document, Get(base + "/.well-known/openid-configuration"));
      ASSIGN_OR_RETURN(url, ReadDiscovery(document, location));
    }
    ASSIGN_OR_RETURN(const std::string document, Get(url));
    return ParseJwks(document);
  }

  void FetchOnce() {
    auto fetched = FetchKeys();
    if (!fetched.ok()) {
      log.Write(telemetry::Severity::kWarning, "jwks_fetch_failed",
                {{"issuer", location.issuer},
                 {"url", location.jwks_url},
                 {"why", std::string(FromAbsl(fetched.status().message()))}});
    }
    Callbacks called;
    {
      std::lock_guard lock(mutex);
      if (fetched.ok()) keys = *std::move(fetched);
      fetched_once = true;
      fetching = false;
      last_end = std::chrono::steady_clock::now();
      called.swap(waiting);
    }
    for (auto& done : called) done();
  }

  void Run(const KeyTimes& times) {
    for (;;) {
      FetchOnce();
      std::unique_lock lock(mutex);
      const auto pause = keys == nullptr
                             ? std::min<std::chrono::milliseconds>(times.interval, std::chrono::seconds(2))
                             : times.interval;
      changed.wait_for(lock, pause, [&] { return ending || wanted; });
      if (ending) break;
      wanted = false;
      fetching = true;
    }
    Callbacks called;
    {
      std::lock_guard lock(mutex);
      called.swap(waiting);
    }
    for (auto& done : called) done();
  }

  http::Client& client;
  telemetry::Log& log;
  const KeyLocation location;
  CancelSource cancel;
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<const Jwks> keys;  // guarded by mutex, as all below
  Callbacks waiting;
  std::chrono::steady_clock::time_point last_end;
  bool fetching = true;
  bool wanted = false;
  bool fetched_once = false;
  bool ending = false;
  std::chrono::milliseconds refresh_gap{};
  std::thread thread;  // set once, before anybody else sees it
};

UrlKeySource::UrlKeySource(http::Client& client, telemetry::Log& log, KeyLocation location, KeyTimes times)
    : state_(std::make_shared<State>(client, log, std::move(location))) {
  state_->refresh_gap = times.refresh_gap;
  state_->thread = std::thread([state = state_, times] { state->Run(times); });
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

void UrlKeySource::Refresh(absl::AnyInvocable<void()> done) {
  constexpr size_t kMostWaiting = 1024;
  {
    std::lock_guard lock(state_->mutex);
    const bool due = state_->fetching || state_->wanted ||
                     std::chrono::steady_clock::now() - state_->last_end >= state_->refresh_gap;
    if (due && !state_->ending && state_->waiting.size() < kMostWaiting) {
      state_->wanted = state_->wanted || !state_->fetching;
      state_->waiting.push_back(std::move(done));
      state_->changed.notify_all();
      return;
    }
  }
  done();
}

void UrlKeySource::OnFirstFetch(absl::AnyInvocable<void()> done) {
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->fetched_once) {
      state_->waiting.push_back(std::move(done));
      return;
    }
  }
  done();
}

}  // namespace sluice::identity
