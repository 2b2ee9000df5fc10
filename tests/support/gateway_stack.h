// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/http/client.h"
#include "services/upload_gateway/gateway.h"
#include "sluice/upload/v1/upload_gateway.grpc.pb.h"
#include "tests/support/stack.h"
#include "tests/support/test_certificate.h"

namespace sluice::testing {

// Sandbox, broker and upload gateways in this process: the gateways share a ring of keys, and the broker
// knows them by their certificate.
class GatewayStack {
 public:
  struct Options {
    // How many gateways.
    int replicas = 1;
    // YAML lines that replace the usual grants of the broker.
    std::string grants;
    // Appended to the broker's config, and to the gateways'.
    std::string broker_more;
    // Files to write beside the broker's config before it starts.
    std::map<std::string, std::string> broker_files;
    std::string more;
    // `tls: {...}` of the gateways' gRPC listener; plaintext when empty.
    bool tls = false;
    // Text to replace in deploy/config/sandbox.yaml, and with what.
    std::pair<std::string, std::string> world_change;
  };
  GatewayStack() : GatewayStack(Options()) {}
  explicit GatewayStack(Options options);
  ~GatewayStack();

  Stack& broker_stack() { return *stack_; }
  sandbox::Sandbox& sandbox() { return stack_->sandbox(); }
  gateway::Gateway& gateway(size_t replica = 0) { return *gateways_[replica]; }
  // Ends one at once, and starts another in its place.
  void Restart(size_t replica);
  std::string address(size_t replica = 0) const;
  // Of its HTTP port, with the scheme.
  std::string http_address(size_t replica = 0) const;
  std::unique_ptr<upload::v1::UploadGateway::Stub> Stub(size_t replica = 0);
  // A JWT for the gateway.
  std::string Mint(const std::string& subject) { return stack_->Mint(subject, "&audience=sluice-gateway"); }
  FakeLog& log() { return log_; }
  // Of all gateways, so far.
  std::string AuditText() const { return stack_->ReadFile("gateway-audit.jsonl"); }

  // The bytes of an object of the sandbox, asked for by its owner with a token of the broker's; and what a
  // HEAD of it says. Empty where there is none.
  std::optional<std::string> ObjectOf(const std::string& subject, const std::string& path);
  http::Headers HeadOf(const std::string& subject, const std::string& path);

 private:
  std::unique_ptr<gateway::Gateway> StartOne();
  absl::StatusOr<http::Response> Ask(const char* method, const std::string& subject, const std::string& path);

  const bool tls_;
  const TestCertificate server_;
  const TestCertificate gateway_{"URI:spiffe://sluice/gateway"};
  FakeLog log_;
  std::unique_ptr<Stack> stack_;
  std::string config_;
  std::vector<std::unique_ptr<gateway::Gateway>> gateways_;
  std::unique_ptr<http::Client> client_;
};

// One Upload stream as a client has it.
class UploadCall {
 public:
  UploadCall(upload::v1::UploadGateway::Stub& stub, const std::string& jwt,
             std::chrono::seconds within = std::chrono::seconds(60), const std::string& traceparent = "");

  bool Start(const std::string& path, std::optional<uint64_t> size, bool overwrite = true);
  bool Start(const upload::v1::StartUploadRequest& request);
  bool Resume(const std::string& upload_id);
  bool Chunk(uint64_t offset, const std::string& bytes);
  bool Finish(std::optional<uint64_t> crc64 = std::nullopt);
  // The next answer; nothing at the stream's end.
  std::optional<upload::v1::UploadResponse> Read();
  // Answers until one says that so much is stored, or until the end.
  bool AwaitCommitted(uint64_t bytes);
  // All answers to the end; the last one's object, or the error.
  absl::StatusOr<upload::v1::UploadedObject> Await();
  // Leaves without a word.
  void Leave();
  absl::Status End();

  uint64_t committed() const { return committed_; }
  const std::string& upload_id() const { return upload_id_; }

 private:
  void Note(const upload::v1::UploadResponse& answer);

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<upload::v1::UploadRequest, upload::v1::UploadResponse>> stream_;
  uint64_t committed_ = 0;
  bool started_ = false;
  std::string upload_id_;
  std::optional<upload::v1::UploadedObject> object_;
};

// Bytes that say where they stand, the same for the same size.
std::string UploadBytes(size_t size);

}  // namespace sluice::testing
