// SPDX-License-Identifier: Apache-2.0
#include "tests/support/gateway_stack.h"

#include <algorithm>
#include <future>

#include "clients/cpp/token_client.h"
#include "common/aliyun/oss_address.h"
#include "common/aliyun/oss_signer.h"
#include "common/http/curl_client.h"
#include "common/rpc/status_mapping.h"
#include "gtest/gtest.h"
#include "tests/support/loopback.h"

namespace sluice::testing {
namespace {

using upload::v1::UploadedObject;
using upload::v1::UploadGateway;
using upload::v1::UploadRequest;
using upload::v1::UploadResponse;

void Replace(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

}  // namespace

GatewayStack::GatewayStack(Options options) : tls_(options.tls), client_(http::MakeCurlClient({})) {
  Stack::Options broker;
  broker.grants = options.grants;
  broker.world_change = options.world_change;
  broker.tls =
      "tls: {cert_file: TEST_DIRserver.crt, key_file: TEST_DIRserver.key, client_ca_file: "
      "TEST_DIRgateway.crt}";
  broker.more =
      "gateways: {names: ['spiffe://sluice/gateway']}\n"
      "load: {subject_calls_per_second: 100000}\n" +
      options.broker_more;
  broker.files = {{"server.crt", server_.certificate},
                  {"server.key", server_.key},
                  {"gateway.crt", gateway_.certificate},
                  {"gateway.key", gateway_.key},
                  {"upload-key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}};
  broker.files.merge(options.broker_files);
  stack_ = std::make_unique<Stack>(std::move(broker));
  config_ =
      std::string("development: true\nlisten: {grpc: {address: '127.0.0.1:0'") +
      (options.tls ? ", tls: {cert_file: TEST_DIRserver.crt, key_file: TEST_DIRserver.key}" : "") +
      "}, http: 127.0.0.1:0, admin: 127.0.0.1:0, grpc_threads: 2}\n"
      "identity: {providers: [{name: sandbox, jwt: {issuer: ISSUER, audience: [sluice-gateway], jwks_url: "
      "ISSUER/jwks.json}}, {name: nobody, anonymous: {}}]}\n"
      "broker: {address: '" +
      stack_->broker_grpc() +
      "', ca_file: TEST_DIRserver.crt, cert_file: TEST_DIRgateway.crt, key_file: TEST_DIRgateway.key}\n"
      "keys: {upload: [{id: k1, key: 'file:TEST_DIRupload-key'}]}\n"
      "audit: {file: TEST_DIRgateway-audit.jsonl}\n" +
      options.more;
  Replace(config_, "ISSUER", sandbox().issuer());
  Replace(config_, "TEST_DIR", stack_->Path(""));
  for (int i = 0; i < options.replicas; ++i) gateways_.push_back(StartOne());
}

GatewayStack::~GatewayStack() { gateways_.clear(); }

std::unique_ptr<gateway::Gateway> GatewayStack::StartOne() {
  stack_->WriteFile("gateway.yaml", config_);
  config::v1::UploadGatewayConfig config;
  const auto source = LoadConfig(stack_->Path("gateway.yaml"), config);
  EXPECT_TRUE(source.ok()) << source.status();
  auto settings = gateway::ReadSettings(config, *source);
  EXPECT_TRUE(settings.ok()) << settings.status();
  auto started = gateway::Gateway::Start(*std::move(settings), stack_->clock(), log_);
  EXPECT_TRUE(started.ok()) << started.status();
  std::promise<void> keys;
  (*started)->OnKeysFetched([&] { keys.set_value(); });
  keys.get_future().wait();
  return *std::move(started);
}

void GatewayStack::Restart(size_t replica) {
  gateways_[replica].reset();
  gateways_[replica] = StartOne();
}

std::string GatewayStack::address(size_t replica) const {
  return "127.0.0.1:" + std::to_string(gateways_[replica]->grpc_port());
}

std::string GatewayStack::http_address(size_t replica) const {
  return "http://127.0.0.1:" + std::to_string(gateways_[replica]->http_port());
}

std::unique_ptr<UploadGateway::Stub> GatewayStack::Stub(size_t replica) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(1 << 20);
  // A connection of its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return UploadGateway::NewStub(grpc::CreateCustomChannel(
      address(replica),
      tls_ ? grpc::SslCredentials({server_.certificate, "", ""}) : grpc::InsecureChannelCredentials(),
      arguments));
}

absl::StatusOr<http::Response> GatewayStack::Ask(const char* method, const std::string& subject,
                                                 const std::string& path) {
  client::TokenClientOptions options{"https://" + stack_->broker_grpc(), SecretString(stack_->Mint(subject)),
                                     stack_->Path("server.crt")};
  token::v1::SignUrlRequest request;
  request.set_path(path);
  request.set_method(std::string(method) == "HEAD" ? token::v1::URL_METHOD_HEAD : token::v1::URL_METHOD_GET);
  const auto url =
      client::TokenClient::Make(options).value()->Ask(request, Deadline::After(std::chrono::seconds(20)));
  if (!url.ok()) return url.status();
  // A whole object may be large.
  auto client = http::MakeCurlClient({"", size_t{3} << 30});
  return http::SendAndWait(*client, {method, url->urls(0).url(), {}, "", nullptr, nullptr},
                           Deadline::After(std::chrono::seconds(120)));
}

std::optional<std::string> GatewayStack::ObjectOf(const std::string& subject, const std::string& path) {
  auto answer = Ask("GET", subject, path);
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (!answer.ok() || answer->status != 200) return std::nullopt;
  return std::move(answer->body);
}

http::Headers GatewayStack::HeadOf(const std::string& subject, const std::string& path) {
  auto answer = Ask("HEAD", subject, path);
  if (!answer.ok() || answer->status != 200) return {};
  return answer->headers;
}

UploadCall::UploadCall(UploadGateway::Stub& stub, const std::string& jwt, std::chrono::seconds within,
                       const std::string& traceparent) {
  if (!traceparent.empty()) context_.AddMetadata("traceparent", traceparent);
  if (!jwt.empty()) context_.AddMetadata("authorization", "Bearer " + jwt);
  context_.set_deadline(std::chrono::system_clock::now() + within);
  stream_ = stub.Upload(&context_);
}

bool UploadCall::Start(const std::string& path, std::optional<uint64_t> size, bool overwrite) {
  upload::v1::StartUploadRequest request;
  request.set_path(path);
  if (size) request.set_size_bytes(*size);
  request.set_overwrite(overwrite);
  return Start(request);
}

bool UploadCall::Start(const upload::v1::StartUploadRequest& request) {
  UploadRequest message;
  *message.mutable_start() = request;
  return stream_->Write(message);
}

bool UploadCall::Resume(const std::string& upload_id) {
  UploadRequest message;
  message.set_upload_id(upload_id);
  return stream_->Write(message);
}

bool UploadCall::Chunk(uint64_t offset, const std::string& bytes) {
  UploadRequest message;
  message.mutable_chunk()->set_offset(offset);
  message.mutable_chunk()->set_data(bytes);
  return stream_->Write(message);
}

bool UploadCall::Finish(std::optional<uint64_t> crc64) {
  UploadRequest message;
  message.mutable_finish();
  if (crc64) message.mutable_finish()->set_crc64(*crc64);
  return stream_->Write(message);
}

void UploadCall::Note(const UploadResponse& answer) {
  EXPECT_GE(answer.committed_bytes(), committed_) << "what was committed has become less";
  committed_ = answer.committed_bytes();
  EXPECT_FALSE(answer.has_started() && started_) << "the start was told twice";
  if (answer.has_started()) {
    started_ = true;
    upload_id_ = answer.started().upload_id();
  }
  if (answer.has_object()) object_ = answer.object();
}

std::optional<UploadResponse> UploadCall::Read() {
  UploadResponse answer;
  if (!stream_->Read(&answer)) return std::nullopt;
  Note(answer);
  return answer;
}

bool UploadCall::AwaitCommitted(uint64_t bytes) {
  while (committed_ < bytes) {
    if (!Read()) return false;
  }
  return true;
}

absl::StatusOr<UploadedObject> UploadCall::Await() {
  while (Read()) {
  }
  const absl::Status status = End();
  if (!status.ok()) return status;
  if (!object_) return absl::UnknownError("the stream ended well, and without an object");
  return *object_;
}

void UploadCall::Leave() {
  context_.TryCancel();
  (void)stream_->Finish();
}

absl::Status UploadCall::End() { return rpc::FromGrpc(stream_->Finish()); }

std::string UploadBytes(size_t size) {
  std::string out(size, '\0');
  uint64_t state = 0x9e3779b97f4a7c15 ^ size;
  for (size_t at = 0; at < size; at += 8) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    for (size_t i = 0; i < 8 && at + i < size; ++i) out[at + i] = static_cast<char>(state >> (8 * i));
  }
  return out;
}

}  // namespace sluice::testing
