// SPDX-License-Identifier: Apache-2.0
// Uploads by tus 1.0: the gateway's HTTP port, the real broker, the sandbox's OSS. What the protocol's text
// demands of each request is judged by tests/outside/tus; here, what is ours: replicas, owners, lost
// completions, both protocols on one upload.
#include <gtest/gtest.h>

#include "common/base/json.h"
#include "common/crypto/crc64.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/http/curl_client.h"
#include "gmock/gmock.h"
#include "tests/support/gateway_stack.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using sluice::testing::Fetch;
using sluice::testing::GatewayStack;
using sluice::testing::IsOk;
using sluice::testing::UploadBytes;
using sluice::testing::UploadCall;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TusIntegrationTest : public ::testing::Test {
 protected:
  explicit TusIntegrationTest(GatewayStack::Options options = {.replicas = 2}) : stack_(std::move(options)) {}

  http::Response Ask(const std::string& method, const std::string& path, http::Headers headers = {},
                     std::string body = "", size_t replica = 0, const std::string& jwt = "") {
    headers.emplace_back("Tus-Resumable", "1.0.0");
    headers.emplace_back("Authorization", "Bearer " + (jwt.empty() ? alice_ : jwt));
    if (method == "PATCH" || !body.empty())
      headers.emplace_back("Content-Type", "application/offset+octet-stream");
    auto answer =
        Fetch(*client_, {method, stack_.http_address(replica) + path, std::move(headers), std::move(body)});
    EXPECT_THAT(answer, IsOk());
    return answer.value_or(http::Response{});
  }
  static std::string Header(const http::Response& answer, const char* name) {
    return std::string(http::FindHeader(answer.headers, name));
  }
  static std::string Named(const std::string& path, const std::string& more = "") {
    return "path " + crypto::Base64Encode(path) + more;
  }
  // Its address.
  std::string Create(const std::string& path, uint64_t size, const std::string& more = "") {
    const auto answer = Ask(
        "POST", "/files/", {{"Upload-Length", std::to_string(size)}, {"Upload-Metadata", Named(path, more)}});
    EXPECT_EQ(answer.status, 201) << answer.body;
    return Header(answer, "Location");
  }
  http::Response Append(const std::string& at, uint64_t offset, const std::string& bytes,
                        size_t replica = 0) {
    return Ask("PATCH", at, {{"Upload-Offset", std::to_string(offset)}}, bytes, replica);
  }
  std::string OffsetOf(const std::string& at, size_t replica = 0) {
    return Header(Ask("HEAD", at, {}, "", replica), "Upload-Offset");
  }
  static std::string ReasonOf(const http::Response& answer) {
    const auto json = ParseJson(answer.body);
    return json.ok() ? std::string(json->as_object().at("reason").as_string()) : answer.body;
  }

  GatewayStack stack_;
  const std::string alice_ = stack_.Mint("alice");
  const std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
};

TEST_F(TusIntegrationTest, EverySizeArrivesByteForByteHoweverItIsSent) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{255} << 10, size_t{256} << 10, (size_t{4} << 20) + 1}) {
    const std::string bytes = UploadBytes(size);
    const std::string path = "size/" + std::to_string(size);
    const http::Headers creation = {{"Upload-Length", std::to_string(size)},
                                    {"Upload-Metadata", Named(path + "-at-once")}};
    const auto at_once = Ask("POST", "/files/", creation, bytes);
    ASSERT_EQ(at_once.status, 201) << at_once.body;
    EXPECT_EQ(Header(at_once, "Upload-Offset"), std::to_string(size));
    EXPECT_TRUE(stack_.ObjectOf("alice", path + "-at-once") == bytes) << path;
    EXPECT_EQ(OffsetOf(Header(at_once, "Location"), 1), std::to_string(size));
    if (size == 0) continue;  // complete when it is created

    const std::string at = Create(path, size);
    const auto patched = Append(at, 0, bytes);
    ASSERT_EQ(patched.status, 204) << patched.body;
    EXPECT_EQ(Header(patched, "Upload-Offset"), std::to_string(size));
    EXPECT_TRUE(stack_.ObjectOf("alice", path) == bytes) << path;
  }
}

TEST_F(TusIntegrationTest, PiecesGoOnAtAnyReplicaAndWhatIsToldIsDurable) {
  const std::string bytes = UploadBytes(3 << 20);
  const std::string at = Create("pieces", bytes.size());
  uint64_t offset = 0;
  for (size_t turn = 0; offset < bytes.size(); ++turn) {
    ASSERT_LT(turn, 20u);
    // Pieces that end inside a slot: its rest is sent again.
    const auto answer = Append(at, offset, bytes.substr(offset, 700'000), turn % 2);
    ASSERT_EQ(answer.status, 204) << answer.body;
    const uint64_t now = std::stoull(Header(answer, "Upload-Offset"));
    EXPECT_GT(now, offset);
    EXPECT_EQ(OffsetOf(at, (turn + 1) % 2), std::to_string(now));
    offset = now;
  }
  EXPECT_TRUE(stack_.ObjectOf("alice", "pieces") == bytes);
}

TEST_F(TusIntegrationTest, BegunOverGrpcFinishedOverHttpAndBack) {
  const std::string bytes = UploadBytes(5 << 20);
  const auto stub = stack_.Stub();
  UploadCall begun(*stub, alice_);
  begun.Start("from-grpc", bytes.size());
  ASSERT_TRUE(begun.Read());
  ASSERT_TRUE(begun.Chunk(0, bytes.substr(0, 1 << 20)));
  ASSERT_TRUE(begun.AwaitCommitted(1 << 20));
  begun.Leave();
  const std::string at = "/files/" + begun.upload_id();
  const auto rest = Append(at, 1 << 20, bytes.substr(1 << 20), 1);
  ASSERT_EQ(rest.status, 204) << rest.body;
  EXPECT_TRUE(stack_.ObjectOf("alice", "from-grpc") == bytes);

  const std::string other = Create("to-grpc", bytes.size());
  ASSERT_EQ(Append(other, 0, bytes.substr(0, 2 << 20)).status, 204);
  UploadCall end(*stub, alice_);
  end.Resume(other.substr(std::string("/files/").size()));
  ASSERT_TRUE(end.Read());
  EXPECT_EQ(end.committed(), 2u << 20);
  for (uint64_t from = 2 << 20; from < bytes.size(); from += 1 << 20)
    end.Chunk(from, bytes.substr(from, 1 << 20));
  end.Finish(crypto::Crc64(bytes));
  EXPECT_THAT(end.Await(), IsOk());
  EXPECT_TRUE(stack_.ObjectOf("alice", "to-grpc") == bytes);
  EXPECT_EQ(OffsetOf(other), std::to_string(bytes.size()));
}

TEST_F(TusIntegrationTest, OfAnUploadWithoutASizeTheLastBodySaysIt) {
  const std::string bytes = UploadBytes(600'000);
  const auto stub = stack_.Stub();
  UploadCall begun(*stub, alice_);
  begun.Start("unsized", std::nullopt);
  ASSERT_TRUE(begun.Read());
  begun.Leave();
  const std::string at = "/files/" + begun.upload_id();
  EXPECT_EQ(Header(Ask("HEAD", at), "Upload-Defer-Length"), "1");
  ASSERT_EQ(Append(at, 0, bytes.substr(0, 262'144)).status, 204);
  const auto last =
      Ask("PATCH", at, {{"Upload-Offset", "262144"}, {"Upload-Length", "600000"}}, bytes.substr(262'144));
  ASSERT_EQ(last.status, 204) << last.body;
  EXPECT_EQ(Header(last, "Upload-Offset"), "600000");
  EXPECT_TRUE(stack_.ObjectOf("alice", "unsized") == bytes);
}

TEST_F(TusIntegrationTest, AnotherCallersUploadDoesNotExistAndNobodyIsNobody) {
  const std::string at = Create("mine", 1 << 20);
  const std::string bob = stack_.Mint("bob");
  for (const std::string& address : {at, std::string("/files/forged")}) {
    for (const char* method : {"HEAD", "PATCH", "DELETE"}) {
      const auto answer = Ask(method, address, {{"Upload-Offset", "0"}}, "", 0, bob);
      EXPECT_EQ(answer.status, 404) << method;
    }
  }
  EXPECT_EQ(Ask("HEAD", at, {}, "", 0, "forged").status, 401);
  EXPECT_EQ(OffsetOf(at), "0");
}

TEST_F(TusIntegrationTest, ABodyThatIsCutKeepsWhatFilledItsSlots) {
  const std::string bytes = UploadBytes(2 << 20);
  const std::string at = Create("cut", bytes.size());
  // The connection ends with two thirds of the body.
  const std::string request =
      "PATCH " + at + " HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0\r\nAuthorization: Bearer " + alice_ +
      "\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: " +
      std::to_string(bytes.size()) + "\r\n\r\n" + bytes.substr(0, 1'400'000);
  EXPECT_EQ(sluice::testing::RawExchange(static_cast<uint16_t>(stack_.gateway().http_port()), request), "");
  // This replica knows what is still on its way to OSS; another would be right only once that has arrived.
  const uint64_t kept = std::stoull(OffsetOf(at));
  EXPECT_LE(kept, 1'400'000u);
  EXPECT_EQ(kept % (256 << 10), 0u);
  ASSERT_EQ(Append(at, kept, bytes.substr(kept), 1).status, 204);
  EXPECT_TRUE(stack_.ObjectOf("alice", "cut") == bytes);
}

TEST_F(TusIntegrationTest, AHeadRightAfterACutWaitsForWhatIsOnItsWayToOss) {
  ASSERT_TRUE(stack_.sandbox().faults().Arm("service=oss&operation=part&kind=latency&value=300ms").ok());
  const std::string bytes = UploadBytes(2 << 20);
  const std::string at = Create("cut-slowly", bytes.size());
  const std::string request =
      "PATCH " + at + " HTTP/1.1\r\nHost: h\r\nTus-Resumable: 1.0.0\r\nAuthorization: Bearer " + alice_ +
      "\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: " +
      std::to_string(bytes.size()) + "\r\n\r\n" + bytes.substr(0, 1'000'000);
  EXPECT_EQ(sluice::testing::RawExchange(static_cast<uint16_t>(stack_.gateway().http_port()), request), "");
  // Three slots in full, all of them under way at once.
  EXPECT_EQ(OffsetOf(at), std::to_string(3 * (256 << 10)));
}

TEST_F(TusIntegrationTest, WhatIsWhollyStoredAndLacksItsCompletionIsCompletedByHead) {
  const std::string bytes = UploadBytes(1 << 20);
  const auto stub = stack_.Stub();
  UploadCall begun(*stub, alice_);
  upload::v1::StartUploadRequest request;
  request.set_path("nearly");
  request.set_size_bytes(8 << 20);
  begun.Start(request);
  ASSERT_TRUE(begun.Read());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(begun.Chunk(i << 20, bytes));
  ASSERT_TRUE(begun.AwaitCommitted(8 << 20));
  begun.Leave();
  ASSERT_FALSE(stack_.ObjectOf("alice", "nearly"));

  EXPECT_EQ(OffsetOf("/files/" + begun.upload_id(), 1), std::to_string(8 << 20));
  const auto object = stack_.ObjectOf("alice", "nearly");
  ASSERT_TRUE(object);
  EXPECT_EQ(object->size(), 8u << 20);
}

TEST_F(TusIntegrationTest, ABodyThatWouldStoreNothingIsRefusedWithWhatItMustHave) {
  const std::string at = Create("small-chunks", 1 << 20);
  const auto answer = Append(at, 0, std::string(100'000, 'x'));

  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(ReasonOf(answer), "CHUNK_TOO_SMALL");
  EXPECT_THAT(answer.body, HasSubstr(R"("least_bytes":"262144")"));
  EXPECT_EQ(OffsetOf(at), "0");
  const auto gap = Append(at, 262'144, std::string(100'000, 'x'));
  EXPECT_EQ(gap.status, 409);
  EXPECT_EQ(ReasonOf(gap), "OFFSET_MISMATCH");
}

TEST_F(TusIntegrationTest, ASumIsJudgedBeforeAnyByteCounts) {
  const std::string bytes = UploadBytes(300'000);
  const std::string at = Create("summed", bytes.size());
  const auto sum = [](const std::string& of) { return "sha1 " + crypto::Base64Encode(crypto::Sha1(of)); };
  const auto wrong = Ask("PATCH", at, {{"Upload-Offset", "0"}, {"Upload-Checksum", sum("other")}}, bytes);
  EXPECT_EQ(wrong.status, 460);
  EXPECT_EQ(ReasonOf(wrong), "CHECKSUM_MISMATCH");
  EXPECT_EQ(OffsetOf(at), "0");
  const auto right = Ask("PATCH", at, {{"Upload-Offset", "0"}, {"Upload-Checksum", sum(bytes)}}, bytes);
  EXPECT_EQ(right.status, 204) << right.body;
  EXPECT_TRUE(stack_.ObjectOf("alice", "summed") == bytes);
}

TEST_F(TusIntegrationTest, AKeyThatIsTakenIsRefusedUnlessItMayBeReplaced) {
  const http::Headers headers = {{"Upload-Length", "3"}, {"Upload-Metadata", Named("taken")}};
  ASSERT_EQ(Ask("POST", "/files/", headers, "old").status, 201);
  const auto again = Ask("POST", "/files/", headers, "new");
  EXPECT_EQ(again.status, 403);
  EXPECT_EQ(ReasonOf(again), "OBJECT_EXISTS");
  const auto replaced =
      Ask("POST", "/files/",
          {{"Upload-Length", "3"}, {"Upload-Metadata", Named("taken", ",overwrite dHJ1ZQ==")}}, "new");
  EXPECT_EQ(replaced.status, 201) << replaced.body;
  EXPECT_EQ(stack_.ObjectOf("alice", "taken"), "new");
}

TEST_F(TusIntegrationTest, TerminationFreesThePartsAndTheUploadIsGone) {
  const std::string at = Create("gone", 2 << 20);
  ASSERT_EQ(Append(at, 0, UploadBytes(1 << 20)).status, 204);
  EXPECT_EQ(Ask("DELETE", at).status, 204);
  EXPECT_EQ(Ask("DELETE", at).status, 404);
  EXPECT_EQ(Ask("HEAD", at, {}, "", 1).status, 404);
  EXPECT_EQ(Append(at, 1 << 20, std::string(1 << 20, 'x')).status, 404);
}

TEST_F(TusIntegrationTest, ACompleteUploadIsAnObjectThatTheGatewayCannotDelete) {
  const std::string bytes = UploadBytes(300'000);
  const std::string at = Create("stays", bytes.size());
  ASSERT_EQ(Append(at, 0, bytes).status, 204);
  const auto answer = Ask("DELETE", at);
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(ReasonOf(answer), "UPLOAD_COMPLETE");
  EXPECT_TRUE(stack_.ObjectOf("alice", "stays") == bytes);
}

TEST_F(TusIntegrationTest, MetadataReachesTheObjectAndTheNextHead) {
  const std::string metadata = Named("described", ",album c3VtbWVy,content_type dGV4dC9wbGFpbg==");
  const auto answer = Ask("POST", "/files/", {{"Upload-Length", "300000"}, {"Upload-Metadata", metadata}});
  const std::string at = Header(answer, "Location");
  EXPECT_EQ(Header(Ask("HEAD", at, {}, "", 1), "Upload-Metadata"), metadata);
  ASSERT_EQ(Append(at, 0, UploadBytes(300'000)).status, 204);
  const auto headers = stack_.HeadOf("alice", "described");
  EXPECT_EQ(http::FindHeader(headers, "x-oss-meta-album"), "summer");
  EXPECT_EQ(http::FindHeader(headers, "Content-Type"), "text/plain");
}

TEST_F(TusIntegrationTest, WithTheMostMetadataAnObjectOfOneRequestHasItsAddress) {
  const std::string more = ",m " + crypto::Base64Encode(std::string(1050, 'x'));
  const std::string metadata = Named(std::string(400, 'p'), more);
  ASSERT_GT(metadata.size(), 1900u);
  const auto answer = Ask("POST", "/files/", {{"Upload-Length", "3"}, {"Upload-Metadata", metadata}}, "abc");
  ASSERT_EQ(answer.status, 201) << answer.body;
  const auto head = Ask("HEAD", Header(answer, "Location"), {}, "", 1);
  EXPECT_EQ(Header(head, "Upload-Offset"), "3");
  EXPECT_EQ(Header(head, "Upload-Metadata"), metadata);
}

TEST_F(TusIntegrationTest, WhatIsNoTusIsToldSo) {
  EXPECT_EQ(Ask("GET", "/files/").status, 405);
  EXPECT_EQ(Ask("GET", "/other").status, 404);
  const auto plain =
      Fetch(*client_, {"POST", stack_.http_address() + "/files/", {{"Upload-Length", "1"}}, ""});
  EXPECT_EQ(plain->status, 412);
  EXPECT_EQ(Header(*plain, "Tus-Version"), "1.0.0");
  const auto options = Fetch(*client_, {"OPTIONS", stack_.http_address() + "/files/", {}, ""});
  EXPECT_EQ(options->status, 204);
  EXPECT_EQ(Header(*options, "Tus-Extension"),
            "creation,creation-with-upload,expiration,checksum,termination");
}

class TusLimitsTest : public TusIntegrationTest {
 protected:
  TusLimitsTest()
      : TusIntegrationTest(
            {.broker_more = "", .more = "http: {cors: {allowed_origins: ['http://app.example']}}\n"}) {}
};

TEST_F(TusLimitsTest, PagesOfItsOriginsMayUpload) {
  const auto preflight = [&](const char* origin) {
    return Fetch(*client_, {"OPTIONS",
                            stack_.http_address() + "/files/",
                            {{"Origin", origin},
                             {"Access-Control-Request-Method", "PATCH"},
                             {"Access-Control-Request-Headers",
                              "authorization,tus-resumable,upload-offset,content-type"}},
                            ""})
        .value();
  };
  EXPECT_EQ(preflight("http://app.example").status, 204);
  EXPECT_EQ(preflight("http://evil.example").status, 403);
  const auto created =
      Ask("POST", "/files/",
          {{"Origin", "http://app.example"}, {"Upload-Length", "9"}, {"Upload-Metadata", Named("p")}});
  EXPECT_EQ(Header(created, "Access-Control-Allow-Origin"), "http://app.example");
  EXPECT_THAT(Header(created, "Access-Control-Expose-Headers"), HasSubstr("Location"));
}

}  // namespace
}  // namespace sluice
