// SPDX-License-Identifier: Apache-2.0
#include "common/http/body_client.h"

#include <gtest/gtest.h>

#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "common/base/status.h"
#include "common/http/curl_client.h"
#include "common/http/server.h"
#include "common/http/split_client.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificate.h"

namespace sluice::http {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::TempDir;
using sluice::testing::TestCertificate;

std::string Bytes(size_t size) {
  std::string out(size, '\0');
  std::minstd_rand random(static_cast<unsigned>(size));
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

// In pieces as gRPC would have them.
absl::Cord InPieces(const std::string& bytes, size_t most = 9000) {
  absl::Cord out;
  std::minstd_rand random(7);
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = std::min(bytes.size() - at, 1 + random() % most);
    out.Append(absl::MakeCordFromExternal(absl::string_view(bytes).substr(at, size), [] {}));
    at += size;
  }
  return out;
}

// Keeps the last body of each target; `/refuse` is answered 413 before its body is read.
class Keeper final : public Handler {
 public:
  class Kept final : public Exchange {
   public:
    Kept(Keeper& keeper, RequestHead head) : keeper_(keeper), head_(std::move(head)) {}
    absl::Status OnBody(std::string_view piece) override {
      if (head_.target == "/refuse") return absl::CancelledError("no");
      body_ += piece;
      return absl::OkStatus();
    }
    void OnEnd(Respond respond) override {
      std::lock_guard lock(keeper_.mutex_);
      keeper_.bodies_[head_.target] = std::move(body_);
      keeper_.heads_[head_.target] = head_;
      respond({head_.target == "/refuse" ? 413 : 200, {{"ETag", "\"x\""}}, "done", nullptr});
    }

   private:
    Keeper& keeper_;
    const RequestHead head_;
    std::string body_;
  };
  std::unique_ptr<Exchange> Start(RequestHead head) override {
    return std::make_unique<Kept>(*this, std::move(head));
  }
  uint64_t BodyLimit(const RequestHead&) const override { return 1 << 30; }

  std::string body(const std::string& target) {
    std::lock_guard lock(mutex_);
    return bodies_[target];
  }
  RequestHead head(const std::string& target) {
    std::lock_guard lock(mutex_);
    return heads_[target];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> bodies_;
  std::map<std::string, RequestHead> heads_;
};

// Accepts one connection after another, and gives each to a function.
class RawServer {
 public:
  explicit RawServer(std::function<void(int descriptor)> serve) : serve_(std::move(serve)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/x";
    thread_ = std::thread([this] {
      for (int one = 0; (one = accept(fd_, nullptr, nullptr)) >= 0;) {
        ++accepted_;
        serve_(one);
        close(one);
      }
    });
  }
  ~RawServer() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  const std::string& url() const { return url_; }
  int accepted() const { return accepted_; }

 private:
  const int fd_ = socket(AF_INET, SOCK_STREAM, 0);
  std::function<void(int)> serve_;
  std::string url_;
  std::atomic<int> accepted_ = 0;
  std::thread thread_;
};

// Reads until `bytes` came; everything for a negative number, until the peer closes.
std::string ReadBytes(int descriptor, ssize_t bytes) {
  std::string out;
  char piece[64 * 1024];
  while (bytes < 0 || out.size() < static_cast<size_t>(bytes)) {
    const size_t want =
        bytes < 0 ? sizeof(piece) : std::min(sizeof(piece), static_cast<size_t>(bytes) - out.size());
    const ssize_t got = read(descriptor, piece, want);
    if (got <= 0) break;
    out.append(piece, static_cast<size_t>(got));
  }
  return out;
}

void Say(int descriptor, const std::string& text) {
  (void)!send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
}

// Resets the connection instead of closing it.
void Reset(int descriptor) {
  const linger now{1, 0};
  setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

class BodyClientTest : public ::testing::Test {
 protected:
  using Answer = absl::StatusOr<Response>;

  std::shared_ptr<OutgoingBody> Open(const std::string& url, std::optional<uint64_t> length,
                                     std::chrono::milliseconds within = std::chrono::seconds(20),
                                     CancelToken cancel = {}) {
    auto promise = std::make_shared<std::promise<Answer>>();
    answer_ = promise->get_future();
    return client_->Open({"PUT", url, {{"x-test", "1"}}, {}, nullptr, nullptr}, length,
                         Deadline::After(within), std::move(cancel),
                         [promise](Answer answer) { promise->set_value(std::move(answer)); });
  }
  Answer Put(const std::string& url, const std::string& body) {
    Open(url, body.size())->Write(InPieces(body));
    return answer_.get();
  }
  std::string Url(const std::string& target) const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + target;
  }

  Keeper keeper_;
  std::unique_ptr<Server> server_ = *StartServer({}, keeper_);
  std::unique_ptr<BodyClient> client_ = *MakeBodyClient({});
  std::future<Answer> answer_;
};

TEST_F(BodyClientTest, BodiesOfEverySizeArriveByteForByte) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{8191}, size_t{65536}, size_t{1} << 20, (size_t{9} << 20) + 3}) {
    const std::string body = Bytes(size);
    const auto answer = Put(Url("/key%20with?query=%2F&uploadId=A"), body);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "done");
    EXPECT_EQ(FindHeader(answer->headers, "etag"), "\"x\"");
    EXPECT_TRUE(keeper_.body("/key%20with?query=%2F&uploadId=A") == body) << size;
    EXPECT_EQ(FindHeader(keeper_.head("/key%20with?query=%2F&uploadId=A").headers, "x-test"), "1");
    EXPECT_FALSE(HasHeader(keeper_.head("/key%20with?query=%2F&uploadId=A").headers, "Expect"));
  }
}

TEST_F(BodyClientTest, ABodyGivenPieceByPieceIsSentAsItComesAndEachPieceIsReported) {
  const std::string body = Bytes(3 << 20);
  auto open = Open(Url("/pieces"), body.size());
  std::promise<void> all;
  std::atomic<int> left = 3;
  for (size_t at = 0; at < body.size(); at += 1 << 20) {
    open->Write(absl::Cord(body.substr(at, 1 << 20)), [&] {
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().wait();
  ASSERT_THAT(answer_.get(), IsOk());
  EXPECT_TRUE(keeper_.body("/pieces") == body);
}

TEST_F(BodyClientTest, ABodyWithoutALengthIsChunked) {
  const std::string body = Bytes(700'000);
  auto open = Open(Url("/chunked"), std::nullopt);
  open->Write(absl::Cord(body.substr(0, 1)));
  open->Write(absl::Cord());
  open->Write(absl::Cord(body.substr(1)));
  open->End();
  ASSERT_THAT(answer_.get(), IsOk());
  EXPECT_TRUE(keeper_.body("/chunked") == body);
}

TEST_F(BodyClientTest, NeverSendsMoreThanTheLengthItNamed) {
  Open(Url("/exact"), 3)->Write(absl::Cord("abcdef"));
  ASSERT_THAT(answer_.get(), IsOk());
  EXPECT_EQ(keeper_.body("/exact"), "abc");
}

TEST_F(BodyClientTest, ARefusalBeforeTheBodyIsWholeIsTheAnswer) {
  auto open = Open(Url("/refuse"), 64 << 20);
  open->Write(absl::Cord(Bytes(1 << 20)));
  const auto answer = answer_.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->status, 413);
  std::promise<void> told;
  open->Write(absl::Cord("late"), [&] { told.set_value(); });
  told.get_future().wait();
  EXPECT_THAT(Put(Url("/after"), "x"), IsOk());
}

TEST_F(BodyClientTest, ConnectionsAreKeptAndOneThatTheServerClosedIsNot) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  std::atomic<int> served = 0;
  RawServer raw([&](int descriptor) {
    // Two requests on the first connection, then it is closed.
    for (int i = 0; i < 2; ++i) {
      std::string seen;
      while (seen.find("\r\n\r\nabc") == std::string::npos) {
        const std::string more = ReadBytes(descriptor, 1);
        if (more.empty()) return;
        seen += more;
      }
      ++served;
      Say(descriptor, ok);
    }
  });
  for (int i = 0; i < 4; ++i) {
    auto answer = Put(raw.url(), "abc");
    // The end of the first connection may cross the third request; then it says so and nothing hangs.
    if (!answer.ok()) answer = Put(raw.url(), "abc");
    ASSERT_THAT(answer, IsOk());
  }
  EXPECT_LE(raw.accepted(), 3);
  EXPECT_GE(raw.accepted(), 2);
  client_.reset();
}

TEST_F(BodyClientTest, AConnectionCutInAnyPlaceIsUnreachableAndEndsOnce) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
  // Cut before anything was read, inside the head, inside the body, and in the answer.
  for (const ssize_t read : {0, 10, 5000, 1'000'000}) {
    for (const bool reset : {false, true}) {
      RawServer raw([&](int descriptor) {
        ReadBytes(descriptor, read);
        if (reset) Reset(descriptor);
      });
      EXPECT_THAT(Put(raw.url(), Bytes(4 << 20)).status(),
                  FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"));
      client_ = *MakeBodyClient({});
    }
  }
  for (const size_t said : {size_t{1}, size_t{12}, head.size() - 1, head.size(), head.size() + 9}) {
    RawServer raw([&](int descriptor) {
      std::string seen;
      while (!seen.ends_with("abc")) seen += ReadBytes(descriptor, 1);
      Say(descriptor, (head + "0123456789").substr(0, said));
    });
    EXPECT_THAT(Put(raw.url(), "abc").status(), FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"))
        << said;
    client_ = *MakeBodyClient({});
  }
}

TEST_F(BodyClientTest, HostileAnswersAreRefused) {
  for (const std::string& answer :
       {std::string("nonsense\r\n\r\n"), "HTTP/1.1 200 OK\r\n" + std::string(100'000, 'x'),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'y'),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        std::string("\x16\x03\x01\x02", 4) + std::string(100, '\0')}) {
    RawServer raw([&](int descriptor) {
      std::string seen;
      while (!seen.ends_with("abc")) seen += ReadBytes(descriptor, 1);
      Say(descriptor, answer);
    });
    EXPECT_EQ(Put(raw.url(), "abc").status().code(), absl::StatusCode::kUnavailable) << answer.substr(0, 40);
    client_ = *MakeBodyClient({});
  }
}

TEST_F(BodyClientTest, AnInterimAnswerIsPassedOver) {
  RawServer raw([&](int descriptor) {
    std::string seen;
    while (!seen.ends_with("abc")) seen += ReadBytes(descriptor, 1);
    Say(descriptor, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    ReadBytes(descriptor, -1);
  });
  const auto answer = Put(raw.url(), "abc");
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->body, "ok");
  client_.reset();
}

TEST_F(BodyClientTest, InterimAnswersWithoutEndAreRefused) {
  RawServer raw([&](int descriptor) {
    std::string seen;
    while (!seen.ends_with("abc")) seen += ReadBytes(descriptor, 1);
    for (int i = 0; i < 20; ++i) Say(descriptor, "HTTP/1.1 100 Continue\r\n\r\n");
    ReadBytes(descriptor, -1);
  });
  EXPECT_THAT(Put(raw.url(), "abc").status(), FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"));
  client_.reset();
}

TEST_F(BodyClientTest, AReaderThatStandsStillHoldsTheBytesBackUntilTheDeadlineOrACancel) {
  // Closed once the server's thread, which adds to them, is gone.
  struct Held {
    ~Held() {
      for (int descriptor : all) close(descriptor);
    }
    std::vector<int> all;
  } held;
  RawServer raw([&](int descriptor) { held.all.push_back(dup(descriptor)); });
  auto open = Open(raw.url(), 64 << 20, std::chrono::milliseconds(300));
  std::promise<void> sent;
  open->Write(absl::Cord(Bytes(32 << 20)), [&] { sent.set_value(); });
  EXPECT_THAT(answer_.get().status(), FailsWith(absl::StatusCode::kDeadlineExceeded, "HTTP_TIMEOUT"));
  sent.get_future().wait();  // told, though never sent

  CancelSource cancel;
  open = Open(raw.url(), 64 << 20, std::chrono::seconds(20), cancel.token());
  open->Write(absl::Cord(Bytes(32 << 20)));
  cancel.Cancel();
  EXPECT_THAT(answer_.get().status(), FailsWith(absl::StatusCode::kCancelled, "HTTP_CANCELLED"));
}

TEST_F(BodyClientTest, WhatCannotBeSentIsAnErrorAtOnce) {
  for (const char* url :
       {"", "ftp://x/", "http://", "http://a b/", "http://user@host/", "http://host/\r\nX: y"}) {
    Open(url, 0);
    EXPECT_THAT(answer_.get().status(), FailsWith(absl::StatusCode::kInvalidArgument, "HTTP_REQUEST_INVALID"))
        << url;
  }
  for (const char* own : {"host", "Content-Length", "TRANSFER-ENCODING", "X\r\nY"}) {
    const auto promise = std::make_shared<std::promise<Answer>>();
    client_->Open({"PUT", Url("/x"), {{own, "1"}}, {}, nullptr, nullptr}, 0,
                  Deadline::After(std::chrono::seconds(20)), {},
                  [promise](Answer answer) { promise->set_value(std::move(answer)); });
    EXPECT_THAT(promise->get_future().get().status(),
                FailsWith(absl::StatusCode::kInvalidArgument, "HTTP_REQUEST_INVALID"))
        << own;
  }
  Open("http://127.0.0.1:1/", 0);
  EXPECT_THAT(answer_.get().status(), FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"));
  Open("http://no-such-host.invalid/", 0);
  EXPECT_THAT(answer_.get().status(), FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"));
}

TEST_F(BodyClientTest, ManyAtOnceFromManyThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string target = "/" + std::to_string(t) + "-" + std::to_string(i);
        const std::string body = Bytes(100'000 + static_cast<size_t>(t * 20 + i));
        std::promise<Answer> promise;
        client_
            ->Open({"PUT", Url(target), {}, {}, nullptr, nullptr}, body.size(),
                   Deadline::After(std::chrono::seconds(20)), {},
                   [&](Answer answer) { promise.set_value(std::move(answer)); })
            ->Write(InPieces(body));
        if (promise.get_future().get().ok() && keeper_.body(target) == body) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

TEST_F(BodyClientTest, EndingTheClientCancelsWhatIsUnderWay) {
  RawServer raw([&](int descriptor) { ReadBytes(descriptor, -1); });
  Open(raw.url(), 10)->Write(absl::Cord("abc"));
  client_.reset();
  EXPECT_THAT(answer_.get().status(), FailsWith(absl::StatusCode::kCancelled, "HTTP_CANCELLED"));
}

TEST_F(BodyClientTest, ACancelAtAnyMomentOfConnectingEndsIt) {
  using std::chrono::steady_clock;
  for (int i = 0; i < 400; ++i) {
    CancelSource cancel;
    const auto open = Open(Url("/x"), 3, std::chrono::seconds(20), cancel.token());
    for (const auto end = steady_clock::now() + i * std::chrono::microseconds(2);
         steady_clock::now() < end;) {
    }
    cancel.Cancel();
    EXPECT_THAT(answer_.get().status(), FailsWith(absl::StatusCode::kCancelled, "HTTP_CANCELLED"));
  }
}

TEST_F(BodyClientTest, EndsThoughItsThreadWasBusyWhenTheTimerRanOut) {
  std::promise<void> busy, leave;
  client_->Open({"put", Url("/"), {}, {}, nullptr, nullptr}, 0, Deadline::After(std::chrono::seconds(20)), {},
                [&](const Answer&) {
                  busy.set_value();
                  // Longer than the client's tick of 50 ms, so that the tick falls due in here.
                  leave.get_future().wait_for(std::chrono::milliseconds(150));
                });
  busy.get_future().wait();
  client_.reset();
}

TEST_F(BodyClientTest, OverTlsBodiesArriveAndOnlyTheRightCertificateIsAccepted) {
  TempDir dir;
  const TestCertificate good;
  const TestCertificate other("DNS:elsewhere.example");
  const std::string ca = dir.Write("ca.pem", good.certificate + other.certificate);
  ServerOptions options;
  options.tls = TlsFiles{dir.Write("cert.pem", good.certificate), dir.Write("key.pem", good.key), ""};
  server_ = *StartServer(options, keeper_);
  const auto url = [&](const std::string& host) {
    return "https://" + host + ":" + std::to_string(server_->port()) + "/tls";
  };
  client_ = *MakeBodyClient({ca});
  for (const size_t size : {size_t{0}, size_t{3}, size_t{16384}, size_t{5} << 20}) {
    const std::string body = Bytes(size);
    ASSERT_THAT(Put(url("127.0.0.1"), body), IsOk());
    EXPECT_TRUE(keeper_.body("/tls") == body) << size;
  }
  EXPECT_THAT(Put(url("localhost"), "x"), IsOk());

  // Nobody vouches for it; then somebody does, for another name.
  client_ = *MakeBodyClient({});
  EXPECT_THAT(Put(url("127.0.0.1"), "x").status(),
              FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"));
  options.tls = TlsFiles{dir.Write("cert2.pem", other.certificate), dir.Write("key2.pem", other.key), ""};
  server_ = *StartServer(options, keeper_);
  client_ = *MakeBodyClient({ca});
  EXPECT_THAT(Put(url("127.0.0.1"), "x").status(),
              FailsWith(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE"));
  EXPECT_THAT(MakeBodyClient({"/no/such/file"}).status(),
              FailsWith(absl::StatusCode::kInvalidArgument, "TLS_FILES_INVALID"));
}

// Gives its bytes, or fails after so many.
class Source final : public BodySource {
 public:
  Source(std::string bytes, size_t fails_at) : bytes_(std::move(bytes)), fails_at_(fails_at) {}
  uint64_t size() const override { return bytes_.size(); }
  size_t given() const { return at_; }
  absl::StatusOr<size_t> Read(std::span<char> into) override {
    if (at_ >= fails_at_) return Fail(absl::StatusCode::kAborted, "FILE_CHANGED", "no");
    const size_t size = std::min(into.size(), bytes_.size() - at_);
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(at_), size, into.begin());
    at_ += size;
    return size;
  }

 private:
  const std::string bytes_;
  const size_t fails_at_;
  size_t at_ = 0;
};

TEST_F(BodyClientTest, ASplitClientSendsSourcesByBodiesAndTheRestByCalls) {
  auto calls = MakeCurlClient({});
  auto both = MakeSplitClient(*calls, *client_);
  const std::string body = Bytes(3 << 20);
  EXPECT_THAT(sluice::testing::Fetch(
                  *both, {"PUT", Url("/source"), {}, {}, std::make_shared<Source>(body, SIZE_MAX), nullptr}),
              IsOk());
  EXPECT_TRUE(keeper_.body("/source") == body);
  // One that is shorter than it said, and one that nobody wants to the end.
  class Short final : public BodySource {
   public:
    uint64_t size() const override { return 10; }
    absl::StatusOr<size_t> Read(std::span<char>) override { return 0; }
  };
  EXPECT_THAT(
      sluice::testing::Fetch(*both, {"PUT", Url("/short"), {}, {}, std::make_shared<Short>(), nullptr})
          .status(),
      FailsWith(absl::StatusCode::kAborted, "BODY_CUT"));
  const auto refused = std::make_shared<Source>(Bytes(64 << 20), SIZE_MAX);
  EXPECT_EQ(sluice::testing::Fetch(*both, {"PUT", Url("/refuse"), {}, {}, refused, nullptr})->status, 413);
  EXPECT_LT(refused->given(), size_t{64} << 20);
  EXPECT_THAT(sluice::testing::Fetch(*both, {"POST", Url("/call"), {}, "small", nullptr, nullptr}), IsOk());
  EXPECT_EQ(keeper_.body("/call"), "small");
  EXPECT_THAT(sluice::testing::Fetch(
                  *both, {"PUT", Url("/bad"), {}, {}, std::make_shared<Source>(body, 1 << 20), nullptr})
                  .status(),
              FailsWith(absl::StatusCode::kAborted, "FILE_CHANGED"));
}

}  // namespace
}  // namespace sluice::http
