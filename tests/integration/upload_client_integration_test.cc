// SPDX-License-Identifier: Apache-2.0
// The C++ client of the gateway, against gateways that go away.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "clients/cpp/upload_client.h"
#include "common/base/status.h"
#include "common/crypto/crc64.h"
#include "tests/support/gateway_stack.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using client::SourceFile;
using client::UploadClient;
using client::UploadClientOptions;
using client::UploadOrder;
using sluice::testing::FailsWith;
using sluice::testing::GatewayStack;
using sluice::testing::IsOk;
using sluice::testing::TempDir;
using sluice::testing::UploadBytes;

GatewayStack::Options Two() {
  GatewayStack::Options out;
  out.replicas = 2;
  return out;
}

class UploadClientIntegrationTest : public ::testing::Test {
 protected:
  UploadClientOptions Options(const std::string& subject = "alice") {
    UploadClientOptions out;
    out.gateways = {stack_.address(0), stack_.address(1)};
    out.jwt = [this, subject]() -> absl::StatusOr<SecretString> {
      return SecretString(stack_.Mint(subject));
    };
    out.patience = std::chrono::seconds(20);
    return out;
  }
  std::shared_ptr<SourceFile> File(const std::string& bytes) {
    return SourceFile::Open(dir_.Write("file", bytes)).value();
  }
  static UploadOrder To(const std::string& path) {
    UploadOrder out;
    out.path = path;
    return out;
  }

  GatewayStack stack_{Two()};
  TempDir dir_;
};

TEST_F(UploadClientIntegrationTest, FilesOfEverySizeArriveAndProgressOnlyGrows) {
  const auto client = UploadClient::Make(Options()).value();
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{256} << 10, (size_t{4} << 20) + 1, size_t{20} << 20}) {
    const std::string bytes = UploadBytes(size);
    const std::string path = "client/" + std::to_string(size);
    std::string id;
    uint64_t last = 0;
    const auto object = client->Upload(
        File(bytes), To(path), id,
        [&](uint64_t committed, uint64_t total) {
          EXPECT_GE(committed, last);
          EXPECT_EQ(total, size);
          last = committed;
        },
        CancelToken());
    ASSERT_THAT(object, IsOk()) << size;
    EXPECT_EQ(last, size);
    EXPECT_TRUE(object->whole_object_verified());
    EXPECT_EQ(object->crc64(), crypto::Crc64(bytes));
    EXPECT_TRUE(stack_.ObjectOf("alice", path) == bytes);
  }
}

TEST_F(UploadClientIntegrationTest, GoesOnByItselfWhileGatewaysEnd) {
  const std::string bytes = UploadBytes(size_t{48} << 20);
  const auto client = UploadClient::Make(Options()).value();
  std::string id;
  std::atomic<uint64_t> stored = 0;
  std::atomic<bool> over = false;
  // Each time that an eighth more is stored the replica that serves it ends at once; the port may be taken
  // then, so it does not come back under its address.
  std::thread breaker([&] {
    for (size_t turn = 0; turn < 1 && !over; ++turn) {
      while (!over && stored < bytes.size() / 8) std::this_thread::yield();
      stack_.gateway(turn).Stop(std::chrono::milliseconds(0));
    }
  });
  const auto object = client->Upload(
      File(bytes), To("goes-on"), id, [&](uint64_t committed, uint64_t) { stored = committed; },
      CancelToken());
  over = true;
  breaker.join();
  ASSERT_THAT(object, IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "goes-on") == bytes);
}

TEST_F(UploadClientIntegrationTest, AnUploadThatWasCancelledIsGoneOnWithByAnotherClient) {
  const std::string bytes = UploadBytes(size_t{24} << 20);
  std::string id;
  uint64_t left_at = 0;
  {
    const auto client = UploadClient::Make(Options()).value();
    CancelSource cancel;
    const auto object = client->Upload(
        File(bytes), To("two-processes"), id,
        [&](uint64_t committed, uint64_t total) {
          left_at = committed;
          if (committed > total / 4) cancel.Cancel();
        },
        cancel.token());
    ASSERT_THAT(object.status(), FailsWith(absl::StatusCode::kCancelled, "CALL_CANCELLED"));
    ASSERT_FALSE(id.empty());
  }
  const auto other = UploadClient::Make(Options()).value();
  uint64_t first = 0;
  const auto object = other->Upload(
      File(bytes), To("two-processes"), id,
      [&](uint64_t committed, uint64_t) {
        if (first == 0) first = committed;
      },
      CancelToken());
  ASSERT_THAT(object, IsOk());
  EXPECT_GE(first, left_at);
  EXPECT_TRUE(stack_.ObjectOf("alice", "two-processes") == bytes);
}

TEST_F(UploadClientIntegrationTest, AnIdThatIsGoneIsBegunAnewAndARefusalIsTold) {
  const auto client = UploadClient::Make(Options()).value();
  std::string id = "of an upload that has expired";
  ASSERT_THAT(client->Upload(File("bytes"), To("anew"), id, nullptr, CancelToken()), IsOk());
  EXPECT_EQ(stack_.ObjectOf("alice", "anew"), "bytes");
  UploadOrder order = To("anew");
  order.overwrite = false;
  std::string none;
  EXPECT_THAT(client->Upload(File("other"), order, none, nullptr, CancelToken()).status(),
              FailsWith(absl::StatusCode::kAlreadyExists, "OBJECT_EXISTS"));
  none.clear();
  EXPECT_THAT(client->Upload(File("other"), To("a/../b"), none, nullptr, CancelToken()).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"));
}

TEST_F(UploadClientIntegrationTest, WithoutAGatewayItSaysSoWhenPatienceEnds) {
  UploadClientOptions options = Options();
  options.gateways = {"127.0.0.1:1"};
  options.patience = std::chrono::milliseconds(300);
  std::string id;
  EXPECT_THAT(
      UploadClient::Make(options).value()->Upload(File("x"), To("x"), id, nullptr, CancelToken()).status(),
      FailsWith(absl::StatusCode::kUnavailable, "GATEWAY_UNREACHABLE"));
  EXPECT_THAT(UploadClient::Make(UploadClientOptions()).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "GATEWAY_UNSET"));
  options.gateways = {"gateway.example.com:50052"};  // a JWT never crosses a network in the clear
  EXPECT_THAT(UploadClient::Make(options).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "BROKER_ADDRESS_INVALID"));
}

}  // namespace
}  // namespace sluice
