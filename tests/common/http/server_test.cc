// SPDX-License-Identifier: Apache-2.0
#include "common/http/server.h"

#include <cstring>
#include <future>
#include <thread>

#include "common/http/curl_client.h"
#include "gmock/gmock.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"

namespace sluice::http {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::Fetch;
using sluice::testing::IsOk;
using sluice::testing::RawExchange;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TextSource final : public BodySource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  uint64_t size() const override { return text_.size(); }
  absl::StatusOr<size_t> Read(std::span<char> into) override {
    const size_t count = std::min(into.size(), text_.size() - at_);
    std::memcpy(into.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  size_t at_ = 0;
};

// Answers with what it received; `/refuse` stops reading, `/later` answers from another thread, `/reset`
// cuts.
class Echo final : public Handler {
 public:
  std::unique_ptr<Exchange> Start(RequestHead head) override {
    class One final : public Exchange {
     public:
      explicit One(RequestHead head) : head_(std::move(head)) {}
      absl::Status OnBody(std::string_view piece) override {
        if (head_.target == "/refuse") return absl::CancelledError();
        body_ += piece;
        return absl::OkStatus();
      }
      void OnEnd(Respond respond) override {
        Answer answer;
        answer.headers = {{"X-Target", head_.target},
                          {"X-Test", std::string(FindHeader(head_.headers, "x-test"))}};
        if (head_.target == "/refuse") answer.status = 403;
        answer.reset = head_.target == "/reset";
        if (head_.target == "/stream") {
          answer.source = std::make_shared<TextSource>(std::move(body_));
        } else {
          answer.body = std::move(body_);
        }
        if (head_.target == "/later") {
          std::thread([respond = std::move(respond), answer = std::move(answer)]() mutable {
            respond(std::move(answer));
          }).detach();
        } else {
          respond(std::move(answer));
        }
      }

     private:
      RequestHead head_;
      std::string body_;
    };
    return std::make_unique<One>(std::move(head));
  }
  uint64_t BodyLimit(const RequestHead& head) const override {
    return head.target == "/small" ? 10 : 64 << 20;
  }
};

class ServerTest : public ::testing::Test {
 protected:
  std::string Url(const std::string& target) const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + target;
  }

  Echo echo_;
  std::unique_ptr<Server> server_ = StartServer({}, echo_).value();
  std::unique_ptr<Client> client_ = MakeCurlClient({});
};

TEST_F(ServerTest, CarriesBodiesBothWays) {
  const std::string body(3 << 20, 'x');
  for (const char* target : {"/plain", "/stream", "/later"}) {
    auto answer = Fetch(*client_, {"PUT", Url(target), {{"X-Test", "yes"}}, body});

    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, body);
    EXPECT_EQ(FindHeader(answer->headers, "x-test"), "yes");
    EXPECT_TRUE(HasHeader(answer->headers, "Date"));
  }
}

TEST_F(ServerTest, SourceOfTheClientIsStreamed) {
  Request request{"PUT", Url("/plain"), {}, ""};
  request.source = std::make_shared<TextSource>(std::string(1 << 20, 'y'));

  auto answer = Fetch(*client_, std::move(request));

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->body.size(), 1u << 20);
}

// Takes a piece of the body whenever the test says so.
class Held final : public Handler {
 public:
  std::unique_ptr<Exchange> Start(RequestHead) override {
    class One final : public Exchange {
     public:
      explicit One(Held& held) : held_(held) {}
      void AwaitReady(Ready ready) override { held_.asked.set_value(std::move(ready)); }
      absl::Status OnBody(std::string_view piece) override {
        held_.asked = {};
        held_.taken += piece.size();
        held_.largest = std::max(held_.largest, piece.size());
        held_.next.set_value();
        return absl::OkStatus();
      }
      void OnEnd(Respond respond) override { respond({}); }

     private:
      Held& held_;
    };
    return std::make_unique<One>(*this);
  }
  uint64_t BodyLimit(const RequestHead&) const override { return 64 << 20; }

  std::promise<Exchange::Ready> asked;
  std::promise<void> next;
  size_t taken = 0;
  size_t largest = 0;
};

TEST(ServerBodyTest, NothingIsReadBeforeTheExchangeIsReadyAndPiecesAreNoLargerThanAsked) {
  Held held;
  ServerOptions options;
  options.piece_bytes = 1000;
  const auto server = StartServer(std::move(options), held).value();
  const auto client = MakeCurlClient({});
  std::promise<absl::StatusOr<Response>> answer;
  client->Send(
      {"PUT", "http://127.0.0.1:" + std::to_string(server->port()) + "/", {}, std::string(5000, 'x')},
      Deadline::After(std::chrono::seconds(20)), CancelToken(),
      [&](absl::StatusOr<Response> got) { answer.set_value(std::move(got)); });

  size_t before = 0;
  while (before < 5000) {
    Exchange::Ready ready = held.asked.get_future().get();
    EXPECT_EQ(held.taken, before);
    std::promise<void>().swap(held.next);
    auto taken = held.next.get_future();
    ready();
    taken.get();
    before = held.taken;
  }

  EXPECT_LE(held.largest, 1000u);
  EXPECT_THAT(answer.get_future().get(), IsOk());
}

TEST_F(ServerTest, RefusalArrivesAlthoughThePeerIsStillSending) {
  // Far more than sockets hold, so that much of it is unread when the answer leaves.
  for (int i = 0; i < 20; ++i) {
    const std::string answer =
        RawExchange(server_->port(), "PUT /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n" +
                                         std::string(20'000'000, 'x'));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 403"));
  }
}

TEST_F(ServerTest, BodyOverTheLimitIs413) {
  auto declared = Fetch(*client_, {"PUT", Url("/small"), {}, "12345678901"});
  auto chunked = RawExchange(
      server_->port(),
      "PUT /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n");

  ASSERT_THAT(declared, IsOk());
  EXPECT_EQ(declared->status, 413);
  EXPECT_THAT(chunked, StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, RefusalMidBodyIsAnsweredAndCloses) {
  const std::string answer =
      RawExchange(server_->port(), "PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST_F(ServerTest, HeadHasALengthAndNoBody) {
  auto answer = Fetch(*client_, {"HEAD", Url("/h"), {}, ""});

  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(FindHeader(answer->headers, "content-length"), "0");
}

TEST_F(ServerTest, ContinuesWhenAsked) {
  const std::string answer = RawExchange(server_->port(),
                                         "PUT /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: "
                                         "close\r\nContent-Length: 2\r\n\r\nok");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 100"));
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200"));
}

TEST_F(ServerTest, ServesPipelinedRequestsInOrder) {
  const std::string answer = RawExchange(
      server_->port(),
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

  EXPECT_LT(answer.find("X-Target: /1"), answer.find("X-Target: /2"));
  EXPECT_THAT(answer, HasSubstr("X-Target: /2"));
}

TEST_F(ServerTest, GarbageIsAnsweredOrDroppedAndNeverFatal) {
  for (const std::string& bytes :
       {std::string("\0\1\2\3", 4), std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string("PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        std::string("PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12"),
        std::string("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string("GET / HTTP/1.1\r\nA b: c\r\n\r\n")}) {
    const std::string answer = RawExchange(server_->port(), bytes);
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 400")) << answer;
  }
  EXPECT_THAT(RawExchange(server_->port(), "GET / HTTP/1.1\r\nA: " + std::string(40'000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(Fetch(*client_, {"GET", Url("/still"), {}, ""}), IsOk());
}

TEST_F(ServerTest, TakenPortSaysWhichAndWhy) {
  EXPECT_THAT(StartServer({.port = server_->port()}, echo_),
              FailsWith(absl::StatusCode::kFailedPrecondition, "LISTEN_FAILED"));
  EXPECT_THAT(StartServer({.host = "not an address"}, echo_),
              FailsWith(absl::StatusCode::kFailedPrecondition, "LISTEN_FAILED"));
  ServerOptions tls;
  tls.tls = TlsFiles{"/nonexistent.pem", "/nonexistent.key", ""};
  EXPECT_THAT(StartServer(tls, echo_), FailsWith(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID"));
}

TEST_F(ServerTest, StoppedServerIsUnreachable) {
  const std::string url = Url("/x");
  ASSERT_THAT(Fetch(*client_, {"GET", url, {}, ""}), IsOk());

  server_->Stop(std::chrono::seconds(5));

  EXPECT_THAT(Fetch(*client_, {"GET", url, {}, ""}),
              FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"));
}

TEST_F(ServerTest, CancelledRequestEndsWithCancelled) {
  CancelSource cancel;
  cancel.Cancel();
  std::promise<absl::Status> ended;
  client_->Send({"GET", Url("/x"), {}, ""}, Deadline::After(std::chrono::seconds(5)), cancel.token(),
                [&](absl::StatusOr<Response> result) { ended.set_value(result.status()); });

  const absl::Status status = ended.get_future().get();
  EXPECT_TRUE(status.ok() || Reason(status) == "HTTP_CANCELLED") << status;
}

TEST_F(ServerTest, ResetCutsTheConnectionAndTheServerGoesOn) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server_->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET /reset HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  char byte = 0;
  EXPECT_EQ(read(fd, &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
  close(fd);

  EXPECT_THAT(Fetch(*client_, {"GET", Url("/plain"), {}, ""}), IsOk());
}

}  // namespace
}  // namespace sluice::http
