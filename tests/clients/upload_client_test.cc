// SPDX-License-Identifier: Apache-2.0
// The C++ client of the gateway, against a gateway that says what the test wants.
#include "clients/cpp/upload_client.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <vector>

#include "common/crypto/crc64.h"
#include "sluice/upload/v1/upload_gateway.grpc.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::client {
namespace {

using sluice::testing::IsOk;
using sluice::testing::TempDir;
using upload::v1::UploadRequest;
using upload::v1::UploadResponse;
using Stream = grpc::ServerReaderWriter<UploadResponse, UploadRequest>;

constexpr uint64_t kSize = 700'000;

// Sets the upload back once: what its first stream was told is stored, its second finds to be less.
class SetBack final : public upload::v1::UploadGateway::Service {
 public:
  grpc::Status Upload(grpc::ServerContext*, Stream* stream) override {
    UploadRequest request;
    if (!stream->Read(&request)) return grpc::Status::OK;
    UploadResponse answer;
    if (request.has_start()) {
      answer.mutable_started()->set_upload_id("id");
      stream->Write(answer);
      answer.Clear();
      answer.set_committed_bytes(512 * 1024);
      stream->Write(answer);
      return {grpc::StatusCode::UNAVAILABLE, "gone"};
    }
    answer.set_committed_bytes(256 * 1024);
    stream->Write(answer);
    while (stream->Read(&request) && request.has_chunk()) starts_.push_back(request.chunk().offset());
    crc64_ = request.finish().crc64();
    answer.set_committed_bytes(kSize);
    answer.mutable_object()->set_size_bytes(kSize);
    stream->Write(answer);
    return grpc::Status::OK;
  }

  std::vector<uint64_t> starts_;
  uint64_t crc64_ = 0;
};

TEST(UploadClientTest, GoesOnFromWhatTheGatewaySaysAlsoWhereItIsLessThanBefore) {
  SetBack gateway;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&gateway);
  const auto server = builder.BuildAndStart();
  UploadClientOptions options;
  options.gateways = {"127.0.0.1:" + std::to_string(port)};
  options.patience = std::chrono::seconds(20);
  TempDir dir;
  const std::string bytes(kSize, 'x');
  UploadOrder order;
  order.path = "a";
  std::string id;
  std::vector<uint64_t> told;
  const auto object = UploadClient::Make(options).value()->Upload(
      SourceFile::Open(dir.Write("file", bytes)).value(), order, id,
      [&](uint64_t committed, uint64_t) { told.push_back(committed); }, CancelToken());
  ASSERT_THAT(object, IsOk());
  ASSERT_FALSE(gateway.starts_.empty());
  EXPECT_EQ(gateway.starts_.front(), 256u * 1024);
  EXPECT_EQ(gateway.crc64_, crypto::Crc64(bytes));
  EXPECT_EQ(told, (std::vector<uint64_t>{0, 512 * 1024, kSize}));
}

}  // namespace
}  // namespace sluice::client
