// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace sluice::testing {

inline constexpr char kReflect[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
inline constexpr char kChannelzServers[] = "/grpc.channelz.v1.Channelz/GetServers";
inline constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
// What reflection is asked and health answers, as bytes.
inline constexpr char kListServices[] = "\x3a\x01*";
inline constexpr char kServing[] = "\x08\x01";
inline constexpr char kNotServing[] = "\x08\x02";

// Sends one message to any method of a loopback port, as bytes, and gives the first one back.
class RawGrpc {
 public:
  struct Answer {
    grpc::Status status;
    std::string bytes;
  };
  explicit RawGrpc(int port)
      : channel_(
            grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials())) {}

  Answer Call(const std::string& method, const std::string& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    grpc::CompletionQueue queue;
    const grpc::Slice slice(request);
    const grpc::ByteBuffer bytes(&slice, 1);
    grpc::ByteBuffer back;
    Answer out;
    auto stream = grpc::GenericStub(channel_).PrepareCall(&context, method, &queue);
    const auto await = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      EXPECT_TRUE(queue.Next(&tag, &ok));
      return ok;
    };
    stream->StartCall(nullptr);
    await();
    stream->WriteLast(bytes, grpc::WriteOptions(), nullptr);
    await();
    stream->Read(&back, nullptr);
    const bool got = await();
    stream->Finish(&out.status, nullptr);
    await();
    if (got) {
      std::vector<grpc::Slice> slices;
      EXPECT_TRUE(back.Dump(&slices).ok());
      for (const grpc::Slice& piece : slices)
        out.bytes.append(reinterpret_cast<const char*>(piece.begin()), piece.size());
    }
    return out;
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace sluice::testing
