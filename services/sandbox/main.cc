// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <iostream>

#include "common/base/end_signal.h"
#include "common/base/file.h"
#include "common/base/host.h"
#include "common/base/service_manager.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "services/sandbox/password.h"
#include "services/sandbox/sandbox.h"
#include "services/sandbox/world_config.h"

namespace {

int Complain(const absl::Status& status, int code) {
  std::cerr << "sluice-sandbox: " << sluice::Reason(status) << ": " << sluice::FromAbsl(status.message())
            << "\n";
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;  // NOLINT(google-build-using-namespace): the composition root knows everybody
  CLI::App app(
      "A strict local STS and OSS: checks every signature, evaluates every policy. Its keys are public "
      "constants.");
  sandbox::SandboxOptions options;
  options.oss_port = 9000;
  options.sts_port = 9001;
  options.metadata_port = 9002;
  options.identity_port = 9003;
  options.admin_port = 9004;
  std::string config;
  std::string ports_file;
  app.add_option("--config", config, "YAML of sluice.config.v1.SandboxConfig; the default world without it");
  app.add_option("--listen", options.host,
                 "numeric address; beyond loopback, a password guards minting and clock")
      ->capture_default_str();
  app.add_option("--public-host", options.public_host, "what clients call this machine; part of the issuer")
      ->capture_default_str();
  app.add_option("--oss-port", options.oss_port, "port of OSS; 0 takes a free one")->capture_default_str();
  app.add_option("--sts-port", options.sts_port, "port of STS; 0 takes a free one")->capture_default_str();
  app.add_option("--metadata-port", options.metadata_port,
                 "port of instance metadata and credentials URI; 0 takes a free one")
      ->capture_default_str();
  app.add_option("--identity-port", options.identity_port,
                 "port of the identity provider; 0 takes a free one")
      ->capture_default_str();
  app.add_option("--admin-port", options.admin_port,
                 "port of health, clock, faults and stats; 0 takes a free one")
      ->capture_default_str();
  app.add_flag("--faults-by-name", options.faults_by_name,
               "objects called `fault-lost`, `fault-error-503` and so on meet that fault");
  app.add_option("--ports-file", ports_file, "where to write the ports as JSON once ready");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  std::unique_ptr<sandbox::World> world;
  if (!config.empty()) {
    auto loaded = sandbox::LoadWorld(config);
    if (!loaded.ok()) return Complain(loaded.status(), 2);
    world = *std::move(loaded);
  }

  const EndSignal end;

  if (!IsLoopbackHost(options.host)) {
    options.password = sandbox::Password::Generate();
    // The one secret that is shown on purpose, to the person who started this.
    std::cerr
        << "sluice-sandbox: WARNING: reachable from elsewhere, and its access keys are public constants.\n"
        << "sluice-sandbox: password for minting and for the admin port: " << options.password.Reveal()
        << "\n";
  }
  SystemClock clock;
  telemetry::StderrLog log(clock);
  const std::string host = options.host;
  auto started = sandbox::Sandbox::Start(std::move(options), std::move(world), clock, log);
  if (!started.ok()) return Complain(started.status(), 1);
  sandbox::Sandbox& running = **started;
  const std::string ports = "{\"oss\":" + std::to_string(running.oss_port()) +
                            ",\"sts\":" + std::to_string(running.sts_port()) +
                            ",\"metadata\":" + std::to_string(running.metadata_port()) +
                            ",\"identity\":" + std::to_string(running.identity_port()) +
                            ",\"admin\":" + std::to_string(running.admin_port()) + "}";
  std::cerr << "sluice-sandbox: ready on " << host << ", " << ports << "\n";
  if (!ports_file.empty() && !WriteFileWhole(ports_file, ports + "\n")) {
    std::cerr << "sluice-sandbox: cannot write " << ports_file << "\n";
    return 1;
  }

  TellServiceManager("READY=1");
  end.Await();
  running.Stop();
  return 0;
}
