// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/timers.h"
#include "common/http/client.h"
#include "services/sandbox/sandbox.h"
#include "services/sandbox/sandbox_clock.h"
#include "services/token_broker/broker.h"
#include "services/token_broker/reloader.h"
#include "tests/support/fake_log.h"
#include "tests/support/temp_dir.h"

namespace sluice::testing {

// Sandbox and broker in this process, port zero, speaking to each other over loopback.
class Stack {
 public:
  // What a test may want otherwise than usual.
  struct Options {
    std::string key_id = "SANDBOXBROKERKEYID00";
    std::string key_secret = "sandbox-broker-secret";
    // Variables that the broker's own key comes from, through the chain and the sandbox's metadata, instead
    // of the two above. `IDENTITY_TOKEN` there stands for a file with the token of the broker's pod,
    // `METADATA` for the address of the sandbox's metadata, `TEST_DIR` for the directory of `files`.
    std::map<std::string, std::string> environment;
    // `keys:` of the config; a key of the process alone when empty.
    std::string keys;
    // Calls of STS a second; the usual share when empty.
    std::string share;
    // Trouble to order before the broker starts, as the admin port takes it.
    std::string fault;
    // Instead of the sandbox's STS.
    std::string sts_endpoint;
    // YAML lines that replace the usual grants.
    std::string grants;
    // Text to replace in deploy/config/sandbox.yaml, and with what; the default world when empty.
    std::pair<std::string, std::string> world_change;
    // `tls: {...}` of the gRPC and HTTP listeners; plaintext when empty.
    std::string tls;
    // Further identity providers, each beginning with a comma.
    std::string providers;
    // Appended to the config. `TEST_DIR` there stands for the directory of WriteFile.
    std::string more;
    // Files to write before the broker starts: name and text.
    std::map<std::string, std::string> files;
  };
  Stack() : Stack(Options()) {}
  explicit Stack(Options options);

  sandbox::Sandbox& sandbox() { return *sandbox_; }
  broker::Broker& broker() { return *broker_; }
  std::string broker_http() const { return "http://127.0.0.1:" + std::to_string(broker_->http_port()); }
  std::string broker_grpc() const { return "127.0.0.1:" + std::to_string(broker_->grpc_port()); }
  std::string oss() const { return "http://127.0.0.1:" + std::to_string(sandbox_->oss_port()); }
  std::string Path(const std::string& name) const { return dir_.Path(name); }
  std::string ReadFile(const std::string& name) const { return dir_.Read(name); }
  // Whole or not at all, so that whoever follows the file sees one change.
  void WriteFile(const std::string& name, const std::string& text);
  FakeLog& log() { return log_; }
  // Of sandbox and broker alike: both grow older at once when it is advanced.
  sandbox::SandboxClock& clock() { return clock_; }
  std::string admin() const { return "http://127.0.0.1:" + std::to_string(broker_->admin_port()); }
  // The broker's config as it was written; the file is `broker.yaml`.
  const std::string& config() const { return config_; }
  // From here on the broker follows its files; what SIGHUP does is Ask() of what is returned.
  broker::Reloader& Follow();
  std::string metadata() const { return "http://127.0.0.1:" + std::to_string(sandbox_->metadata_port()); }
  // A JWT of the sandbox's provider; `more` is appended to the query.
  std::string Mint(const std::string& subject, const std::string& more = "");
  // Everything that was logged and audited so far; stops the broker, so that nothing is outstanding.
  std::string StopAndReadAllLines();

 private:
  std::unique_ptr<aliyun::CredentialSource> OwnKey(const Options& options, const broker::Settings& settings);

  TempDir dir_;
  FakeLog log_;
  FakeLog sandbox_log_;
  SystemClock real_clock_;
  sandbox::SandboxClock clock_{real_clock_};
  ThreadTimers timers_;
  std::unique_ptr<http::Client> key_client_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  std::string config_;
  std::optional<ConfigSource> source_;
  std::optional<broker::Settings> settings_;
  std::unique_ptr<broker::Broker> broker_;
  std::unique_ptr<broker::Reloader> reloader_;
};

}  // namespace sluice::testing
