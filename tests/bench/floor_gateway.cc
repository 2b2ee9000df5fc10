// SPDX-License-Identifier: Apache-2.0
// The floor that the upload gateway is measured against: the cheapest way through gRPC C++ 1.51 from a stream
// of chunks to one plain PUT. One completion queue and one thread, messages read where they lie, their bytes
// summed and written out from there; a second thread goes on where a socket was full. No caller is looked at,
// no part is kept, nothing can be resumed.
#include <grpcpp/grpcpp.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/end_signal.h"
#include "common/base/file.h"
#include "common/base/text.h"
#include "common/crypto/crc64.h"
#include "services/upload_gateway/incoming_frame.h"
#include "sluice/upload/v1/upload_gateway.grpc.pb.h"
#include "tests/bench/peer.h"
#include "tests/bench/put_wire.h"

namespace sluice::bench {
namespace {

using Service = upload::v1::UploadGateway::WithRawMethod_Upload<upload::v1::UploadGateway::Service>;

// Where the bytes go.
struct Upstream {
  std::string host;
  uint16_t port = 0;
  SslContext tls;
};

// Connections that no stream uses. Thread-safe.
class IdlePeers {
 public:
  explicit IdlePeers(const Upstream& upstream) : upstream_(upstream) {}

  // Null when there is none and none can be had.
  std::unique_ptr<Peer> Take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto out = std::move(idle_.back());
        idle_.pop_back();
        return out;
      }
    }
    return Peer::Connect(upstream_.host, upstream_.port, upstream_.tls.get(), false);
  }

  void GiveBack(std::unique_ptr<Peer> peer) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(peer));
  }

 private:
  const Upstream& upstream_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Peer>> idle_;
};

struct Shared {
  Service service;
  grpc::ServerCompletionQueue* queue = nullptr;
  const Upstream& upstream;
  IdlePeers peers{upstream};
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
};

// One stream and its PUT. At any time one operation is under way, of gRPC or of the socket, so no two threads
// are ever here.
class Stream {
 public:
  explicit Stream(Shared& shared) : shared_(shared) {
    shared_.service.RequestUpload(&context_, &stream_, shared_.queue, shared_.queue, this);
  }

  // An operation of gRPC has ended.
  void Proceed(bool ok) {
    switch (state_) {
      case State::kArriving:
        if (!ok) return Go();
        new Stream(shared_);
        return Read();
      case State::kReading:
        if (!ok) return Fail("the stream ended before its finish");
        return TakeMessage();
      case State::kEnding:
        return Go();
      default:
        return;
    }
  }

  // The socket is what was waited for.
  void Ready() {
    if (state_ == State::kSending) return SendPieces();
    ReadAnswer();
  }

 private:
  enum class State { kArriving, kReading, kSending, kAnswering, kEnding };

  void Go() { delete this; }

  void Read() {
    state_ = State::kReading;
    stream_.Read(&message_, this);
  }

  void TakeMessage() {
    slices_.clear();
    views_.clear();
    message_.Dump(&slices_);
    for (const grpc::Slice& slice : slices_)
      views_.emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
    auto frame = gateway::ReadFrame(views_);
    if (!frame.ok()) return Fail("no UploadRequest");
    using Kind = gateway::IncomingFrame::Kind;
    if (frame->kind == Kind::kStart && peer_ == nullptr) return Start(frame->start);
    if (frame->kind == Kind::kChunk && peer_ != nullptr && frame->offset == received_) {
      pieces_.clear();
      for (std::string_view view : frame->data) {
        crc64_ = crypto::Crc64(view, crc64_);
        received_ += view.size();
        pieces_.push_back({const_cast<char*>(view.data()), view.size()});
      }
      if (received_ > size_) return Fail("more bytes than declared");
      left_ = pieces_;
      return SendPieces();
    }
    if (frame->kind != Kind::kFinish || peer_ == nullptr || received_ != size_) return Fail("out of turn");
    Await(State::kAnswering, EPOLLIN);
  }

  void Start(const upload::v1::StartUploadRequest& start) {
    peer_ = shared_.peers.Take();
    if (peer_ == nullptr) return Fail("the sink cannot be reached");
    size_ = start.size_bytes();
    path_ = start.path();
    head_ = PutHead(shared_.upstream.host, "/sluice-demo/" + path_, size_);
    pieces_.assign(1, {head_.data(), head_.size()});
    left_ = pieces_;
    SendPieces();
  }

  // From the thread that read them, and by the other one where the socket was full.
  void SendPieces() {
    while (!left_.empty()) {
      const ssize_t sent = peer_->Send(left_);
      if (sent == Peer::kGone) return Fail("the sink went away");
      if (sent == Peer::kAgain) return Await(State::kSending, EPOLLOUT);
      Advance(left_, static_cast<size_t>(sent));
    }
    slices_.clear();
    message_.Clear();
    Read();
  }

  // Nothing of this may be touched afterwards: the other thread has it.
  void Await(State state, uint32_t events) {
    state_ = state;
    epoll_event event{};
    event.events = events | EPOLLONESHOT;
    event.data.ptr = this;
    const int fd = peer_->fd();
    if (epoll_ctl(shared_.epoll, EPOLL_CTL_MOD, fd, &event) != 0)
      epoll_ctl(shared_.epoll, EPOLL_CTL_ADD, fd, &event);
  }

  void ReadAnswer() {
    std::array<char, 4096> buffer;
    std::optional<PutAnswer> answer;
    while (!answer) {
      const ssize_t came = peer_->Receive(buffer);
      if (came == Peer::kAgain) return Await(State::kAnswering, EPOLLIN);
      if (came == Peer::kGone) return Fail("the sink gave no answer");
      answer_.append(buffer.data(), static_cast<size_t>(came));
      answer = ReadPutAnswer(answer_);
    }
    if (answer->status != 200 || answer->crc64 != crc64_) return Fail("the sink took something else");
    shared_.peers.GiveBack(std::move(peer_));
    upload::v1::UploadResponse response;
    response.set_committed_bytes(size_);
    upload::v1::UploadedObject& object = *response.mutable_object();
    object.set_bucket("sluice-demo");
    object.set_key(path_);
    object.set_etag(answer->etag);
    object.set_size_bytes(size_);
    object.set_crc64(crc64_);
    object.set_whole_object_verified(true);
    const grpc::Slice slice(response.SerializeAsString());
    state_ = State::kEnding;
    stream_.WriteAndFinish(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), grpc::Status::OK, this);
  }

  void Fail(const std::string& why) {
    peer_.reset();
    state_ = State::kEnding;
    stream_.Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, why), this);
  }

  Shared& shared_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context_};
  State state_ = State::kArriving;
  grpc::ByteBuffer message_;
  std::vector<grpc::Slice> slices_;
  std::vector<std::string_view> views_;
  std::unique_ptr<Peer> peer_;
  std::string path_;
  std::string head_;
  std::vector<iovec> pieces_;
  std::span<iovec> left_;
  std::string answer_;
  uint64_t size_ = 0;
  uint64_t received_ = 0;
  uint64_t crc64_ = 0;
};

struct Flags {
  std::string address = "127.0.0.1:0";
  std::string certificate;
  std::string key;
  std::string sink;
  std::string sink_ca;
  std::string ports;
  int threads = 1;
};

std::shared_ptr<grpc::ServerCredentials> Credentials(const Flags& flags) {
  if (flags.certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {ReadFile(flags.key).value_or(""), ReadFile(flags.certificate).value_or("")});
  return grpc::SslServerCredentials(options);
}

int Serve(const Flags& flags) {
  // As the gateway does: slices of a megabyte come from the heap, which keeps them.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const EndSignal end;
  Upstream upstream;
  if (!ParseAddress(flags.sink, upstream.host, upstream.port)) {
    std::cerr << "bench-floor: --sink is no host:port\n";
    return 2;
  }
  if (!flags.sink_ca.empty() && (upstream.tls = MakeClientTls(flags.sink_ca)) == nullptr) return 2;
  Shared shared{.upstream = upstream};
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(flags.address, Credentials(flags), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.SetMaxReceiveMessageSize(5 * 1024 * 1024);
  builder.RegisterService(&shared.service);
  const auto queue = builder.AddCompletionQueue();
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::cerr << "bench-floor: cannot listen on " << flags.address << "\n";
    return 1;
  }
  shared.queue = queue.get();
  new Stream(shared);
  std::vector<std::thread> workers;
  for (int i = 0; i < flags.threads; ++i) {
    workers.emplace_back([&queue] {
      void* tag = nullptr;
      for (bool ok = false; queue->Next(&tag, &ok);) static_cast<Stream*>(tag)->Proceed(ok);
    });
  }
  std::thread writer([&shared] {
    std::array<epoll_event, 64> events;
    for (;;) {
      const int count = epoll_wait(shared.epoll, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) static_cast<Stream*>(events[i].data.ptr)->Ready();
    }
  });
  writer.detach();
  if (!WriteFileWhole(flags.ports, "{\"grpc\":" + std::to_string(port) + "}\n")) {
    std::cerr << "bench-floor: cannot write " << flags.ports << "\n";
    std::_Exit(1);
  }
  end.Await();
  // What is under way is of no interest any more.
  std::_Exit(0);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app(
      "Streams uploads into plain PUTs and does nothing else: the floor of the upload gateway's benchmark.");
  sluice::bench::Flags flags;
  app.add_option("--address", flags.address, "host:port; port 0 takes a free one")->capture_default_str();
  app.add_option("--cert", flags.certificate, "PEM of the certificate; plaintext without it");
  app.add_option("--key", flags.key, "PEM of its key");
  app.add_option("--sink", flags.sink, "host:port of bench-sink")->required();
  app.add_option("--sink-ca", flags.sink_ca,
                 "PEM of the authority behind its certificate; plain HTTP without it");
  app.add_option("--threads", flags.threads, "of its queue")->capture_default_str()->check(CLI::Range(1, 64));
  app.add_option("--ports-file", flags.ports, "where to write the port as JSON once ready")->required();
  CLI11_PARSE(app, argc, argv);
  return sluice::bench::Serve(flags);
}
