// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <iostream>
#include <mutex>
#include <thread>

#include "tests/bench/peer.h"
#include "tests/bench/put_wire.h"
#include "tests/bench/uploads.h"

namespace sluice::bench {
namespace {

// One connection, which waits in the kernel.
class Stream {
 public:
  Stream(const UploadSpec& spec, const Payload& payload, uint32_t number, std::unique_ptr<Peer> peer)
      : spec_(spec), payload_(payload), number_(number), peer_(std::move(peer)) {}

  void Run(Instant end, UploadTally& tally) {
    do {
      const Instant began = std::chrono::steady_clock::now();
      if (const std::string error = Put(); !error.empty()) return tally.Failed(error);
      tally.Done(std::chrono::steady_clock::now() - began);
    } while (std::chrono::steady_clock::now() < end);
  }

 private:
  // What went wrong; empty for nothing.
  std::string Put() {
    if (broken_) return "GONE";
    broken_ = true;  // until the whole exchange is over
    const std::string head = PutHead(
        spec_.target,
        "/sluice-demo/" + spec_.tag + "/" + std::to_string(number_) + "-" + std::to_string(uploads_++),
        payload_.object_bytes());
    std::string_view piece = head;
    for (uint64_t offset = 0; !piece.empty(); piece = payload_.At(offset)) {
      if (!Send(piece)) return "GONE";
      if (piece.data() != head.data()) offset += piece.size();
    }
    std::string text;
    std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t came = peer_->Receive(buffer);
      if (came < 0) return "GONE";
      text.append(buffer.data(), static_cast<size_t>(came));
      if (const auto answer = ReadPutAnswer(text)) {
        if (answer->status != 200) return "HTTP_" + std::to_string(answer->status);
        broken_ = false;
        return answer->crc64 == payload_.crc64() ? "" : "OTHER_BYTES";
      }
    }
  }

  bool Send(std::string_view bytes) {
    iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    for (std::span<iovec> left(&piece, 1); !left.empty();) {
      const ssize_t sent = peer_->Send(left);
      if (sent < 0) return false;
      Advance(left, static_cast<size_t>(sent));
    }
    return true;
  }

  const UploadSpec& spec_;
  const Payload& payload_;
  const uint32_t number_;
  std::unique_ptr<Peer> peer_;
  uint64_t uploads_ = 0;
  bool broken_ = false;
};

class HttpUploads final : public Uploads {
 public:
  HttpUploads(const UploadSpec& spec, const Payload& payload) : spec_(spec), payload_(payload) {}

  bool Connect() {
    std::string host;
    uint16_t port = 0;
    if (!ParseAddress(spec_.target, host, port)) return false;
    if (!spec_.ca_file.empty() && (tls_ = MakeClientTls(spec_.ca_file)) == nullptr) return false;
    for (uint32_t i = 0; i < spec_.streams; ++i) {
      auto peer = Peer::Connect(host, port, tls_.get(), true);
      if (peer == nullptr) return false;
      streams_.push_back(std::make_unique<Stream>(spec_, payload_, i, std::move(peer)));
    }
    return true;
  }

  void Run(Instant end, UploadTally& tally) override {
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (const auto& stream : streams_) {
      threads.emplace_back([&, one = stream.get()] {
        UploadTally own;
        one->Run(end, own);
        const std::lock_guard lock(mutex);
        tally.Add(own);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  const UploadSpec& spec_;
  const Payload& payload_;
  SslContext tls_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace

std::unique_ptr<Uploads> MakeHttpUploads(const UploadSpec& spec, const Payload& payload) {
  auto out = std::make_unique<HttpUploads>(spec, payload);
  if (out->Connect()) return out;
  std::cerr << "bench-upload-load: " << spec.target << " cannot be reached\n";
  return nullptr;
}

}  // namespace sluice::bench
