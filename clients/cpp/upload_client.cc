// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/upload_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/cord.h"
#include "clients/cpp/broker_address.h"
#include "clients/cpp/route_hint.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/crc32c.h"
#include "common/crypto/crc64.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "google/rpc/status.pb.h"
#include "sluice/upload/v1/upload_gateway.grpc.pb.h"

namespace sluice::client {
namespace {

using upload::v1::UploadedObject;
using upload::v1::UploadGateway;
using upload::v1::UploadRequest;
using upload::v1::UploadResponse;
using Clock = std::chrono::steady_clock;

constexpr size_t kSmallestMessage = 64 * 1024;
constexpr size_t kLargestMessage = 1 << 20;
// What a message may take to leave.
constexpr std::chrono::milliseconds kSlow{200};
constexpr std::chrono::milliseconds kFast{50};
// The gateway speaks every 20 s at least.
constexpr std::chrono::seconds kSilence{60};
constexpr int kMostMismatches = 3;

absl::Status FromGrpc(const grpc::Status& from) {
  absl::Status status(static_cast<absl::StatusCode>(from.error_code()), from.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(from.error_details())) return status;
  for (const auto& detail : details.details())
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  return status;
}

absl::Status Cancelled() {
  return Fail(absl::StatusCode::kCancelled, "CALL_CANCELLED",
              "the upload was cancelled; it can be gone on with");
}

// Whether opening the stream again may help. Without a reason it is the library that speaks: the stream
// broke.
bool MayGoOn(const absl::Status& status) {
  if (Reason(status).empty()) return !absl::IsUnauthenticated(status) && !absl::IsUnimplemented(status);
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsDeadlineExceeded(status) || Reason(status) == "OFFSET_GAP";
}

// A file's CRC-64 up to some place, read once wherever the upload goes to and fro.
class RunningSum {
 public:
  explicit RunningSum(std::shared_ptr<SourceFile> file) : file_(std::move(file)) {}
  // Bytes that were read at `offset`.
  void See(uint64_t offset, std::string_view bytes) {
    if (offset > at_ || offset + bytes.size() <= at_) return;
    sum_ = crypto::Crc64(bytes.substr(at_ - offset), sum_);
    at_ = offset + bytes.size();
  }
  // Of the whole; reads what was not seen.
  absl::StatusOr<uint64_t> Whole() {
    const auto rest = SourceFile::Part(file_, at_, file_->size() - at_);
    std::string piece(kLargestMessage, '\0');
    while (at_ < file_->size()) {
      ASSIGN_OR_RETURN(const size_t got, rest->Read(piece));
      if (got == 0) break;
      See(at_, std::string_view(piece).substr(0, got));
    }
    return sum_;
  }

 private:
  const std::shared_ptr<SourceFile> file_;
  uint64_t at_ = 0;
  uint64_t sum_ = 0;
};

}  // namespace

struct UploadClient::Replica {
  std::string address;
  std::shared_ptr<UploadGateway::Stub> stub;
};

// One stream, with a thread that takes its answers.
class UploadClient::Attempt {
 public:
  Attempt(UploadGateway::Stub& stub, const SecretString& jwt, std::function<void(uint64_t)> on_committed,
          std::function<void(const std::string&)> on_id)
      : on_committed_(std::move(on_committed)), on_id_(std::move(on_id)) {
    if (!jwt.empty()) {
      context_.AddMetadata("authorization", "Bearer " + jwt.Reveal());
      context_.AddMetadata(kRouteHeader, RouteHint(jwt.Reveal()));
    }
    stream_ = stub.Upload(&context_);
    reader_ = std::thread([this] { ReadAll(); });
  }
  ~Attempt() {
    context_.TryCancel();
    if (reader_.joinable()) reader_.join();
  }

  bool Write(const UploadRequest& message) { return stream_->Write(message); }
  void Cancel() { context_.TryCancel(); }

  // How much is stored, once the gateway has said so for the first time; nothing where the stream ended.
  std::optional<uint64_t> AwaitFirst() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kSilence, [&] { return heard_ || over_; });
    return heard_ ? std::optional(committed_) : std::nullopt;
  }
  // The stream's end: the object, or why there is none.
  absl::StatusOr<UploadedObject> End() {
    {
      std::unique_lock lock(mutex_);
      for (auto last = answers_; !over_; last = answers_) {
        changed_.wait_for(lock, kSilence, [&] { return over_ || answers_ != last; });
        if (over_ || answers_ != last) continue;
        lock.unlock();
        context_.TryCancel();  // no heartbeat: whoever is there no longer is
        lock.lock();
        changed_.wait(lock, [&] { return over_; });
      }
    }
    reader_.join();
    if (object_) return *object_;
    if (status_.ok()) return absl::UnavailableError("the stream ended without an object");
    return status_;
  }

 private:
  void ReadAll() {
    UploadResponse answer;
    while (stream_->Read(&answer)) {
      if (answer.has_started() && !answer.started().upload_id().empty()) on_id_(answer.started().upload_id());
      on_committed_(answer.committed_bytes());
      std::lock_guard lock(mutex_);
      heard_ = true;
      ++answers_;
      committed_ = answer.committed_bytes();
      if (answer.has_object()) object_ = answer.object();
      changed_.notify_all();
    }
    const absl::Status status = FromGrpc(stream_->Finish());
    std::lock_guard lock(mutex_);
    status_ = status;
    over_ = true;
    changed_.notify_all();
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<UploadRequest, UploadResponse>> stream_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t committed_ = 0;  // guarded by mutex_, as all below
  uint64_t answers_ = 0;
  bool heard_ = false;
  bool over_ = false;
  std::optional<UploadedObject> object_;
  absl::Status status_;
  const std::function<void(uint64_t)> on_committed_;
  const std::function<void(const std::string&)> on_id_;
  std::thread reader_;
};

// One upload, through as many streams as it takes.
class UploadClient::Run {
 public:
  Run(const UploadClient& client, std::shared_ptr<SourceFile> file, const UploadOrder& order,
      std::string& upload_id, const Progress& progress, const CancelToken& cancel)
      : client_(client),
        file_(std::move(file)),
        upload_id_(upload_id),
        progress_(progress),
        cancel_(cancel),
        sum_(file_),
        given_id_(!upload_id.empty()),
        last_progress_(Clock::now()) {
    start_.set_grant(order.grant);
    start_.set_path(order.path);
    start_.set_size_bytes(file_->size());
    start_.set_content_type(order.content_type);
    start_.mutable_metadata()->insert(order.metadata.begin(), order.metadata.end());
    start_.mutable_tags()->insert(order.tags.begin(), order.tags.end());
    start_.set_overwrite(order.overwrite);
    start_.set_request_id(crypto::HexLower(crypto::RandomBytes(16)));
  }

  absl::StatusOr<UploadedObject> Go() {
    for (;; ++turn_) {
      if (cancel_.cancelled()) return Cancelled();
      auto object = TryOnce();
      if (object.ok()) return object;
      absl::Status failed = object.status();
      if (cancel_.cancelled()) return Cancelled();
      if (Reason(failed) == "FILE_CHANGED") return failed;
      if ((absl::IsDataLoss(failed) || absl::IsAborted(failed)) && ++mismatches_ < kMostMismatches) {
        // Sent again from what is stored: bytes were spoiled, or parts of a stream that was cut arrived late
        // and took the place of newer ones.
      } else if (absl::IsNotFound(failed) && given_id_ && !moved_) {
        // What another process began is gone: anew.
        given_id_ = false;
        Keep("");
      } else if (!MayGoOn(failed)) {
        return failed;
      }
      if (Clock::now() - LastProgress() >= client_.options_.patience) {
        if (!Reason(failed).empty()) return failed;
        return Fail(absl::StatusCode::kUnavailable, "GATEWAY_UNREACHABLE",
                    "no upload gateway could be reached or none stores anything (" +
                        std::string(failed.message()) + "); check the address and that it runs");
      }
      Pause(failed);
    }
  }

 private:
  absl::StatusOr<UploadedObject> TryOnce() {
    const Replica& replica = client_.replicas_[turn_ % client_.replicas_.size()];
    SecretString jwt;
    if (client_.options_.jwt) {
      ASSIGN_OR_RETURN(jwt, client_.options_.jwt());
    }
    const std::string id = Id();
    const auto attempt = std::make_shared<Attempt>(
        *replica.stub, jwt, [this](uint64_t bytes) { OnCommitted(bytes); },
        [this](const std::string& named) { Keep(named); });
    cancel_.OnCancel([weak = std::weak_ptr<Attempt>(attempt)] {
      if (const auto alive = weak.lock()) alive->Cancel();
    });
    UploadRequest first;
    if (id.empty()) {
      *first.mutable_start() = start_;
    } else {
      first.set_upload_id(id);
    }
    uint64_t from = 0;
    if (attempt->Write(first)) {
      // A new upload has nothing yet; another's state must be heard first.
      const auto known = id.empty() ? std::optional<uint64_t>(0) : attempt->AwaitFirst();
      from = known.value_or(0);
      if (known) RETURN_IF_ERROR(Send(*attempt, from));
    }
    return attempt->End();
  }

  // Sends from `from` on and finishes. OK too where the stream broke: its end says why.
  absl::Status Send(Attempt& attempt, uint64_t from) {
    const auto body = SourceFile::Part(file_, from, file_->size() - std::min(from, file_->size()));
    std::string piece;
    for (uint64_t at = from; at < file_->size();) {
      if (cancel_.cancelled()) return absl::OkStatus();
      piece.resize(std::min<uint64_t>(message_, file_->size() - at));
      size_t filled = 0;
      while (filled < piece.size()) {
        ASSIGN_OR_RETURN(const size_t got, body->Read(std::span(piece).subspan(filled)));
        if (got == 0)
          return Fail(absl::StatusCode::kAborted, "FILE_CHANGED",
                      "the file became shorter while it was read");
        filled += got;
      }
      sum_.See(at, piece);
      UploadRequest message;
      auto& chunk = *message.mutable_chunk();
      chunk.set_offset(at);
      chunk.set_crc32c(crypto::Crc32c(piece));
      at += piece.size();
      chunk.set_data(std::move(piece));
      const auto began = Clock::now();
      if (!attempt.Write(message)) return absl::OkStatus();
      piece = std::move(*chunk.mutable_data());
      const auto took = Clock::now() - began;
      if (took > kSlow) message_ = std::max(kSmallestMessage, message_ / 2);
      if (took < kFast) message_ = std::min(kLargestMessage, message_ * 2);
    }
    ASSIGN_OR_RETURN(const uint64_t sum, sum_.Whole());
    UploadRequest finish;
    finish.mutable_finish()->set_crc64(sum);
    (void)attempt.Write(finish);
    return absl::OkStatus();
  }

  void OnCommitted(uint64_t bytes) {
    {
      std::lock_guard lock(mutex_);
      if (bytes > committed_) {
        last_progress_ = Clock::now();
        moved_ = true;
        failures_ = 0;
      }
      committed_ = bytes;
      // No gateway takes back what it has said; one that does is believed, but who watches need not see it.
      if (bytes < told_ || (bytes == told_ && bytes != 0)) return;
      told_ = bytes;
    }
    if (progress_) progress_(bytes, file_->size());
  }
  void Keep(const std::string& id) {
    std::lock_guard lock(mutex_);
    upload_id_ = id;
  }
  std::string Id() {
    std::lock_guard lock(mutex_);
    return upload_id_;
  }
  Clock::time_point LastProgress() {
    std::lock_guard lock(mutex_);
    return last_progress_;
  }

  // Longer each time, and as long as the gateway wants; a cancel ends it.
  void Pause(const absl::Status& failed) {
    const int doubled = std::min(failures_++, 5);
    auto delay = std::chrono::milliseconds(100) * (1 << doubled);
    delay = delay / 2 +
            std::chrono::milliseconds(static_cast<uint8_t>(crypto::RandomBytes(1)[0]) * delay.count() / 512);
    delay =
        std::max<std::chrono::milliseconds>(delay, RetryDelay(failed).value_or(std::chrono::milliseconds(0)));
    auto woken = std::make_shared<std::pair<std::mutex, std::condition_variable>>();
    cancel_.OnCancel([woken] { woken->second.notify_all(); });
    std::unique_lock lock(woken->first);
    woken->second.wait_for(lock, delay, [&] { return cancel_.cancelled(); });
  }

  const UploadClient& client_;
  const std::shared_ptr<SourceFile> file_;
  std::string& upload_id_;  // guarded by mutex_ while streams run
  const Progress& progress_;
  const CancelToken& cancel_;
  upload::v1::StartUploadRequest start_;
  RunningSum sum_;
  size_t turn_ = 0;
  size_t message_ = kLargestMessage / 4;
  int mismatches_ = 0;
  bool given_id_;
  std::mutex mutex_;
  Clock::time_point last_progress_;  // guarded by mutex_, as all below
  // What the gateway said last, and the most of what was told on.
  uint64_t committed_ = 0;
  uint64_t told_ = 0;
  bool moved_ = false;
  int failures_ = 0;
};

absl::StatusOr<std::unique_ptr<UploadClient>> UploadClient::Make(UploadClientOptions options) {
  if (options.gateways.empty())
    return Fail(absl::StatusCode::kInvalidArgument, "GATEWAY_UNSET",
                "no address of an upload gateway was given");
  std::vector<Replica> replicas;
  for (const std::string& text : options.gateways) {
    ASSIGN_OR_RETURN(const BrokerAddress address, ParseBrokerAddress(text));
    std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
    if (address.tls) {
      grpc::SslCredentialsOptions tls;
      if (!options.ca_file.empty()) {
        tls.pem_root_certs = ReadFile(options.ca_file).value_or("");
        if (tls.pem_root_certs.empty())
          return Fail(absl::StatusCode::kInvalidArgument, "CA_UNREADABLE",
                      "cannot read the CA file \"" + options.ca_file + "\"");
      }
      credentials = grpc::SslCredentials(tls);
    }
    grpc::ChannelArguments arguments;
    if (!address.tls) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    replicas.push_back(
        {text, UploadGateway::NewStub(grpc::CreateCustomChannel(address.target, credentials, arguments))});
  }
  return std::unique_ptr<UploadClient>(new UploadClient(std::move(options), std::move(replicas)));
}

UploadClient::UploadClient(UploadClientOptions options, std::vector<Replica> replicas)
    : options_(std::move(options)), replicas_(std::move(replicas)) {}
UploadClient::~UploadClient() = default;

absl::StatusOr<UploadedObject> UploadClient::Upload(const std::shared_ptr<SourceFile>& file,
                                                    const UploadOrder& order, std::string& upload_id,
                                                    const Progress& progress, const CancelToken& cancel) {
  return Run(*this, file, order, upload_id, progress, cancel).Go();
}

}  // namespace sluice::client
