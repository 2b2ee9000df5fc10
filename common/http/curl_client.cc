// SPDX-License-Identifier: Apache-2.0
#include "common/http/curl_client.h"

#include <curl/curl.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/base/status.h"

namespace sluice::http {
namespace {

struct Transfer {
  Request request;
  Deadline deadline;
  CancelToken cancel;
  Client::Done done;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  size_t sent = 0;
  Response response;
  bool head_whole = false;
  absl::Status failure;  // of a sink or source, or a body over the limit
  size_t max_response_bytes = 0;
  char message[CURL_ERROR_SIZE] = {};

  ~Transfer() {
    curl_slist_free_all(headers);
    if (easy != nullptr) curl_easy_cleanup(easy);
  }
};

size_t OnRead(char* into, size_t size, size_t count, void* opaque) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  if (transfer.request.source) {
    auto got = transfer.request.source->Read({into, size * count});
    if (got.ok()) return *got;
    transfer.failure = got.status();
    return CURL_READFUNC_ABORT;
  }
  const size_t piece = std::min(size * count, transfer.request.body.size() - transfer.sent);
  std::memcpy(into, transfer.request.body.data() + transfer.sent, piece);
  transfer.sent += piece;
  return piece;
}

size_t OnWrite(char* data, size_t size, size_t count, void* opaque) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  const size_t bytes = size * count;
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.request.sink && status >= 200 && status < 300) {
    transfer.failure = transfer.request.sink->Write({data, bytes});
    return transfer.failure.ok() ? bytes : 0;
  }
  if (transfer.response.body.size() + bytes > transfer.max_response_bytes) {
    transfer.failure =
        Fail(absl::StatusCode::kUnavailable, "HTTP_ANSWER_TOO_LARGE", "the answer is larger than allowed");
    return 0;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

size_t OnHeader(char* data, size_t size, size_t count, void* opaque) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  std::string_view line(data, size * count);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    transfer.head_whole = true;
  } else if (line.starts_with("HTTP/")) {
    transfer.response.headers.clear();  // an interim answer came before
    transfer.head_whole = false;
  } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    transfer.response.headers.emplace_back(line.substr(0, colon), value);
  }
  return size * count;
}

class CurlClient final : public Client {
 public:
  explicit CurlClient(CurlOptions options) : options_(std::move(options)) {
    thread_ = std::thread([this] { Run(); });
  }

  ~CurlClient() override {
    stopping_ = true;
    curl_multi_wakeup(multi_);
    thread_.join();
  }

  void Send(Request request, Deadline deadline, CancelToken cancel, Done done) override {
    auto transfer =
        std::shared_ptr<Transfer>(new Transfer{std::move(request), deadline, cancel, std::move(done)});
    {
      std::lock_guard lock(mutex_);
      incoming_.push_back(transfer);
    }
    curl_multi_wakeup(multi_);
    cancel.OnCancel([multi = std::weak_ptr<CURLM>(owned_)] {
      if (auto alive = multi.lock()) curl_multi_wakeup(alive.get());
    });
  }

 private:
  void Run() {
    while (!stopping_) {
      Begin();
      int running = 0;
      curl_multi_perform(multi_, &running);
      Reap();
      EndCancelled();
      curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
    }
    Begin();
    auto left = std::move(active_);
    active_.clear();
    for (auto& [easy, transfer] : left) {
      curl_multi_remove_handle(multi_, easy);
      transfer->done(Fail(absl::StatusCode::kCancelled, "HTTP_CANCELLED", "the client is shutting down"));
    }
  }

  void Begin() {
    std::vector<std::shared_ptr<Transfer>> fresh;
    {
      std::lock_guard lock(mutex_);
      fresh.swap(incoming_);
    }
    for (auto& transfer : fresh) {
      SetUp(*transfer);
      active_[transfer->easy] = transfer;
      curl_multi_add_handle(multi_, transfer->easy);
    }
  }

  void SetUp(Transfer& transfer) {
    transfer.max_response_bytes = options_.max_response_bytes;
    CURL* easy = transfer.easy = curl_easy_init();
    const Request& request = transfer.request;
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");  // signed requests go where they are signed for
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, std::max<long>(1, transfer.deadline.Left().count()));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.message);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnWrite);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    if (!options_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    const uint64_t size = request.source ? request.source->size() : request.body.size();
    // The buffer is there for each request, however little it sends.
    constexpr long kSmall = 16 * 1024;
    constexpr long kLarge = 1024 * 1024;
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, size <= kSmall ? kSmall : kLarge);
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (size > 0 || request.method == "PUT" || request.method == "POST") {
      curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
      curl_easy_setopt(easy, CURLOPT_READFUNCTION, OnRead);
      curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    for (const auto& [name, value] : request.headers) {
      transfer.headers =
          curl_slist_append(transfer.headers, (value.empty() ? name + ";" : name + ": " + value).c_str());
    }
    transfer.headers = curl_slist_append(transfer.headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  }

  void Reap() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      auto transfer = Take(message->easy_handle);
      if (!transfer) continue;
      if (code == CURLE_OK && !transfer->head_whole) {
        // The library takes what came for the whole; a header that is missing would mean something else.
        transfer->done(Fail(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE",
                            "the connection was closed before the answer's headers were whole"));
      } else if (code == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        transfer->response.status = static_cast<int>(status);
        transfer->done(std::move(transfer->response));
      } else if (!transfer->failure.ok()) {
        transfer->done(transfer->failure);
      } else if (code == CURLE_OPERATION_TIMEDOUT) {
        transfer->done(Fail(absl::StatusCode::kDeadlineExceeded, "HTTP_TIMEOUT", "no answer in time"));
      } else {
        const char* why = transfer->message[0] != 0 ? transfer->message : curl_easy_strerror(code);
        transfer->done(Fail(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE", why));
      }
    }
  }

  void EndCancelled() {
    std::vector<CURL*> cancelled;
    for (auto& [easy, transfer] : active_) {
      if (transfer->cancel.cancelled()) cancelled.push_back(easy);
    }
    for (CURL* easy : cancelled) {
      Take(easy)->done(Fail(absl::StatusCode::kCancelled, "HTTP_CANCELLED", "nobody waits for the answer"));
    }
  }

  std::shared_ptr<Transfer> Take(CURL* easy) {
    auto found = active_.find(easy);
    if (found == active_.end()) return nullptr;
    auto transfer = std::move(found->second);
    active_.erase(found);
    curl_multi_remove_handle(multi_, easy);
    return transfer;
  }

  const CurlOptions options_;
  // Shared so that a late cancel can still wake it safely.
  std::shared_ptr<CURLM> owned_{curl_multi_init(), curl_multi_cleanup};
  CURLM* const multi_ = owned_.get();
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Transfer>> incoming_;  // guarded by mutex_
  // Touched by the client's thread only.
  std::unordered_map<CURL*, std::shared_ptr<Transfer>> active_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Client> MakeCurlClient(CurlOptions options) {
  return std::make_unique<CurlClient>(std::move(options));
}

}  // namespace sluice::http
