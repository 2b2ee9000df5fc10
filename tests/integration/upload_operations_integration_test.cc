// SPDX-License-Identifier: Apache-2.0
// What an operator sees of uploads: metrics, audit, traces, and a drain.
#include <gmock/gmock.h>

#include <thread>

#include "common/base/status.h"
#include "common/crypto/crc64.h"
#include "tests/support/gateway_stack.h"
#include "tests/support/scrape.h"
#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::GatewayStack;
using sluice::testing::IsOk;
using sluice::testing::Scrape;
using sluice::testing::UploadBytes;
using sluice::testing::UploadCall;
using ::testing::HasSubstr;
using ::testing::Not;

class UploadOperationsTest : public ::testing::Test {
 protected:
  double Value(const std::string& series) {
    const Scrape scrape(stack_.gateway().MetricsText());
    EXPECT_EQ(scrape.fault(), "");
    return scrape.Value(series).value_or(-1);
  }
  // Once it is so; a stream's end is told to the client a moment before it is over here.
  bool Becomes(const std::string& series, double value) {
    for (int i = 0; i < 2000; ++i) {
      if (Value(series) == value) return true;
      std::this_thread::yield();
    }
    return false;
  }
  // Lines of the gateway's audit that say all of this, once there are so many; they are written by a thread.
  std::vector<std::string> Audited(const std::vector<std::string>& says, size_t count) {
    std::vector<std::string> found;
    for (int i = 0; i < 2000 && found.size() < count; ++i) {
      found.clear();
      std::istringstream lines(stack_.AuditText());
      for (std::string line; std::getline(lines, line);) {
        const bool all = std::all_of(says.begin(), says.end(),
                                     [&](const std::string& one) { return line.find(one) != line.npos; });
        if (all) found.push_back(line);
      }
      std::this_thread::yield();
    }
    return found;
  }

  GatewayStack stack_{{.replicas = 2}};
  const std::string alice_ = stack_.Mint("alice");
};

TEST_F(UploadOperationsTest, MetricsTellWhatCameWhatIsStoredWhatWasResumedAndWhatIsHeld) {
  constexpr uint64_t kSlot = 256 * 1024;
  const std::string bytes = UploadBytes(3 * kSlot);
  auto stub = stack_.Stub();
  UploadCall first(*stub, alice_);
  first.Start("counted", std::nullopt);
  ASSERT_TRUE(first.Read());
  EXPECT_EQ(Value("sluice_upload_streams"), 1);
  ASSERT_TRUE(first.Chunk(0, bytes.substr(0, kSlot)));
  ASSERT_TRUE(first.AwaitCommitted(kSlot));
  first.Leave();
  ASSERT_TRUE(Becomes("sluice_upload_streams", 0));
  UploadCall second(*stub, alice_);
  second.Resume(first.upload_id());
  ASSERT_TRUE(second.Read());
  ASSERT_TRUE(second.Chunk(kSlot, bytes.substr(kSlot)));
  second.Finish(crypto::Crc64(bytes));
  ASSERT_THAT(second.Await(), IsOk());
  EXPECT_EQ(Value("sluice_upload_received_bytes_total"), 3 * kSlot);
  EXPECT_EQ(Value("sluice_upload_stored_bytes_total"), 3 * kSlot);
  EXPECT_EQ(Value("sluice_upload_resumed_total"), 1);
  EXPECT_EQ(Value("sluice_upload_abandoned_bytes_total"), kSlot);
  EXPECT_EQ(Value("sluice_upload_durable_seconds_count"), 1);
  EXPECT_GE(Value("sluice_upload_parts_total"), 2);
  EXPECT_TRUE(Becomes("sluice_upload_streams", 0));
  EXPECT_TRUE(Becomes("sluice_upload_budget_used_bytes", 0));
}

TEST_F(UploadOperationsTest, EveryUploadHasItsLinesInTheAuditAndNoSecretIsInThem) {
  const std::string bytes = UploadBytes(300'000);
  auto stub = stack_.Stub();
  UploadCall call(*stub, alice_);
  call.Start("audited", std::nullopt);
  ASSERT_TRUE(call.Read());
  call.Chunk(0, bytes);
  call.Finish(crypto::Crc64(bytes));
  ASSERT_THAT(call.Await(), IsOk());
  const auto started = Audited({"\"what\":\"start\"", "uploads/alice/audited", "\"subject\":\"alice\""}, 1);
  ASSERT_EQ(started.size(), 1u);
  const auto completed = Audited({"\"what\":\"complete\"", "uploads/alice/audited"}, 1);
  ASSERT_EQ(completed.size(), 1u);
  EXPECT_THAT(completed[0], HasSubstr("\"bytes\":\"300000\""));
  EXPECT_THAT(completed[0], HasSubstr("\"crc64\":\"" + std::to_string(crypto::Crc64(bytes)) + "\""));

  UploadCall refused(*stub, alice_);
  refused.Start("../bob/x", 1);
  EXPECT_FALSE(refused.Await().ok());
  EXPECT_EQ(Audited({"\"what\":\"refuse\"", "PATH_INVALID"}, 1).size(), 1u);
  std::string all = stack_.AuditText();
  for (const std::string& line : stack_.log().lines()) all += line;
  for (const std::string& secret : {call.upload_id(), alice_, alice_.substr(alice_.rfind('.') + 1)})
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  EXPECT_THAT(all, Not(HasSubstr("Signature=")));
}

TEST_F(UploadOperationsTest, TheCallersTraceIsInTheAuditsOfGatewayAndBroker) {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  auto stub = stack_.Stub();
  UploadCall call(*stub, alice_, std::chrono::seconds(60), "00-" + trace + "-b7ad6b7169203331-01");
  call.Start("traced", 1);
  call.Chunk(0, "x");
  call.Finish();
  ASSERT_THAT(call.Await(), IsOk());
  EXPECT_FALSE(Audited({"\"trace_id\":\"" + trace + "\"", "\"what\":\"complete\""}, 1).empty());
  std::string brokers;
  for (int i = 0; i < 2000 && brokers.find(trace) == brokers.npos; ++i)
    brokers = stack_.broker_stack().ReadFile("audit.jsonl");
  EXPECT_THAT(brokers, HasSubstr(trace));
}

TEST_F(UploadOperationsTest, ADrainStoresWhatFillsSlotsAndSendsItsClientElsewhere) {
  const std::string bytes = UploadBytes(600 * 1024);
  auto stub = stack_.Stub();
  UploadCall call(*stub, alice_);
  call.Start("drained", std::nullopt);
  ASSERT_TRUE(call.Read());
  ASSERT_TRUE(call.Chunk(0, bytes));
  ASSERT_TRUE(call.AwaitCommitted(512 * 1024));
  std::thread stop([&] { stack_.gateway().Stop(std::chrono::seconds(10)); });
  const auto ended = call.Await();
  stop.join();
  EXPECT_THAT(ended.status(), FailsWith(absl::StatusCode::kUnavailable, "GATEWAY_DRAINING"));
  const auto metadata = Metadata(ended.status());
  EXPECT_EQ(metadata.at("committed_bytes"), std::to_string(512 * 1024));
  EXPECT_TRUE(RetryDelay(ended.status()).has_value());

  auto elsewhere = stack_.Stub(1);
  UploadCall again(*elsewhere, alice_);
  again.Resume(call.upload_id());
  ASSERT_TRUE(again.Read());
  EXPECT_EQ(again.committed(), 512u * 1024);
  again.Chunk(512 * 1024, bytes.substr(512 * 1024));
  again.Finish(crypto::Crc64(bytes));
  ASSERT_THAT(again.Await(), IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "drained") == bytes);
}

}  // namespace
}  // namespace sluice
