// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "common/base/file.h"
#include "sluice/upload/v1/upload_gateway.pb.h"
#include "tests/bench/uploads.h"

namespace sluice::bench {
namespace {

constexpr auto kDeadline = std::chrono::seconds(120);

using upload::v1::UploadRequest;
using upload::v1::UploadResponse;

grpc::ByteBuffer Bytes(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

void PutVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

size_t VarintBytes(uint64_t value) {
  size_t out = 1;
  for (; value >= 0x80; value >>= 7) ++out;
  return out;
}

// A chunk whose payload stays where it lies: what stands before it as protobuf writes it, then a reference.
grpc::ByteBuffer ChunkBytes(uint64_t offset, std::string_view data) {
  const auto tag = [](int field, int wire) { return static_cast<char>(field << 3 | wire); };
  std::string inside;
  if (offset != 0) {
    inside += tag(upload::v1::Chunk::kOffsetFieldNumber, 0);
    PutVarint(offset, inside);
  }
  inside += tag(upload::v1::Chunk::kDataFieldNumber, 2);
  PutVarint(data.size(), inside);
  std::string head(1, tag(UploadRequest::kChunkFieldNumber, 2));
  head.reserve(1 + VarintBytes(inside.size() + data.size()) + inside.size());
  PutVarint(inside.size() + data.size(), head);
  const grpc::Slice slices[] = {grpc::Slice(head + inside),
                                grpc::Slice(data.data(), data.size(), grpc::Slice::STATIC_SLICE)};
  return grpc::ByteBuffer(slices, 2);
}

struct Shared {
  const UploadSpec& spec;
  const Payload& payload;
  grpc::CompletionQueue queue;
  Instant end;
  UploadTally* tally = nullptr;
  uint32_t active = 0;
};

// One object after the other.
class Stream {
 public:
  struct Tag {
    Stream* stream;
    void (Stream::*proceed)(bool ok);
  };

  Stream(Shared& shared, uint32_t number, grpc::GenericStub& stub)
      : shared_(shared), number_(number), stub_(stub) {}

  void Begin() {
    ++shared_.active;
    Next();
  }

 private:
  // Start, chunks and finish go out one behind the other; nothing is waited for.
  void Next() {
    call_.reset();  // it lies in memory that belongs to the context's call
    context_.emplace();
    context_->set_initial_metadata_corked(true);
    context_->set_deadline(std::chrono::system_clock::now() + kDeadline);
    if (!shared_.spec.bearers.empty())
      context_->AddMetadata("authorization", shared_.spec.bearers[number_ % shared_.spec.bearers.size()]);
    offset_ = 0;
    finish_sent_ = false;
    object_.reset();
    began_ = std::chrono::steady_clock::now();
    call_ = stub_.PrepareCall(&*context_, "/sluice.upload.v1.UploadGateway/Upload", &shared_.queue);
    call_->StartCall(nullptr);  // nothing is sent yet, so nothing ends
    UploadRequest first;
    auto& start = *first.mutable_start();
    start.set_grant(shared_.spec.grant);
    start.set_path(shared_.spec.tag + "/" + std::to_string(number_) + "-" + std::to_string(uploads_++));
    start.set_size_bytes(shared_.payload.object_bytes());
    writing_ = true;
    finished_ = false;
    call_->Write(Bytes(first), &write_);
    call_->Read(&answer_, &read_);
  }

  void Wrote(bool ok) {
    writing_ = false;
    if (finished_) return Conclude();
    if (!ok || finish_sent_) return;
    writing_ = true;
    if (const std::string_view data = shared_.payload.At(offset_); !data.empty()) {
      call_->Write(ChunkBytes(offset_, data), &write_);
      offset_ += data.size();
      return;
    }
    UploadRequest last;
    last.mutable_finish()->set_crc64(shared_.payload.crc64());
    finish_sent_ = true;
    call_->WriteLast(Bytes(last), grpc::WriteOptions(), &write_);
  }

  void WasRead(bool ok) {
    if (!ok) return call_->Finish(&status_, &finish_);
    UploadResponse response;
    grpc::Slice whole;
    if (answer_.DumpToSingleSlice(&whole).ok() &&
        response.ParseFromArray(whole.begin(), static_cast<int>(whole.size())) && response.has_object()) {
      object_ = response.object();
      answered_ = std::chrono::steady_clock::now();
    }
    call_->Read(&answer_, &read_);
  }

  void Finished(bool) {
    finished_ = true;
    if (!writing_) return Conclude();
    context_->TryCancel();  // what is still being written will never be read; the status is here already
  }

  // The server has ended the stream, and nothing is under way any more.
  void Conclude() {
    bool good = false;
    if (!status_.ok()) {
      Outcome outcome;
      Describe(status_, outcome);
      shared_.tally->Failed(outcome.error);
    } else if (!object_) {
      shared_.tally->Failed("NO_OBJECT");
    } else if (object_->crc64() != shared_.payload.crc64() ||
               object_->size_bytes() != shared_.payload.object_bytes()) {
      shared_.tally->Failed("OTHER_BYTES");
    } else {
      good = true;
      shared_.tally->Done(answered_ - began_);
    }
    if (good && std::chrono::steady_clock::now() < shared_.end) return Next();
    --shared_.active;
  }

  Shared& shared_;
  const uint32_t number_;
  grpc::GenericStub& stub_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer answer_;
  grpc::Status status_;
  std::optional<upload::v1::UploadedObject> object_;
  Instant began_;
  Instant answered_;
  uint64_t offset_ = 0;
  uint64_t uploads_ = 0;
  bool finish_sent_ = false;
  bool writing_ = false;
  bool finished_ = false;
  Tag write_{this, &Stream::Wrote};
  Tag read_{this, &Stream::WasRead};
  Tag finish_{this, &Stream::Finished};
};

class GrpcUploads final : public Uploads {
 public:
  GrpcUploads(const UploadSpec& spec, const Payload& payload) : shared_{spec, payload} {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = spec.ca_file.empty() ? "" : ReadFile(spec.ca_file).value_or("");
    const auto credentials =
        spec.ca_file.empty() ? grpc::InsecureChannelCredentials() : grpc::SslCredentials(tls);
    for (uint32_t i = 0; i < spec.channels; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or the channels would share one connection
      arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);  // a retry would keep the bytes, and hide what failed
      channels_.push_back(grpc::CreateCustomChannel(spec.target, credentials, arguments));
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
    }
    for (uint32_t i = 0; i < spec.streams; ++i)
      streams_.push_back(std::make_unique<Stream>(shared_, i, *stubs_[i % stubs_.size()]));
  }

  ~GrpcUploads() override {
    shared_.queue.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; shared_.queue.Next(&tag, &ok);) {
    }
  }

  bool Connect() {
    const auto end = std::chrono::system_clock::now() + std::chrono::seconds(10);
    for (const auto& channel : channels_) {
      if (!channel->WaitForConnected(end)) return false;
    }
    return true;
  }

  void Run(Instant end, UploadTally& tally) override {
    shared_.end = end;
    shared_.tally = &tally;
    for (const auto& stream : streams_) stream->Begin();
    void* tag = nullptr;
    for (bool ok = false; shared_.active > 0 && shared_.queue.Next(&tag, &ok);) {
      const auto& whose = *static_cast<Stream::Tag*>(tag);
      (whose.stream->*whose.proceed)(ok);
    }
  }

 private:
  Shared shared_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace

std::unique_ptr<Uploads> MakeGrpcUploads(const UploadSpec& spec, const Payload& payload) {
  auto out = std::make_unique<GrpcUploads>(spec, payload);
  if (out->Connect()) return out;
  std::cerr << "bench-upload-load: " << spec.target << " cannot be reached\n";
  return nullptr;
}

}  // namespace sluice::bench
