// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "services/sandbox/admin_endpoint.h"
#include "services/sandbox/oss_endpoint.h"
#include "services/sandbox/sts_endpoint.h"

namespace {

// Complete or absent: whoever waits for the file never reads half of it.
bool WritePorts(const std::string& path, const std::string& json) {
  const std::string half = path + ".part";
  std::ofstream(half) << json << "\n";
  return std::rename(half.c_str(), path.c_str()) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;  // NOLINT(google-build-using-namespace): the composition root knows everybody
  CLI::App app(
      "A strict local STS and OSS: checks every signature, evaluates every policy. Its keys are public "
      "constants.");
  uint16_t oss_port = 9000;
  uint16_t sts_port = 9001;
  uint16_t admin_port = 9004;
  std::string ports_file;
  app.add_option("--oss-port", oss_port, "port of OSS; 0 takes a free one")->capture_default_str();
  app.add_option("--sts-port", sts_port, "port of STS; 0 takes a free one")->capture_default_str();
  app.add_option("--admin-port", admin_port, "port of health and clock; 0 takes a free one")
      ->capture_default_str();
  app.add_option("--ports-file", ports_file, "where to write the ports as JSON once ready");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);  // before any thread starts, so that all inherit it
  signal(SIGPIPE, SIG_IGN);

  SystemClock real;
  sandbox::SandboxClock clock(real);
  auto world = sandbox::World::Default();
  sandbox::ObjectShelf shelf;
  sandbox::OssEndpoint oss(*world, clock, shelf);
  sandbox::StsEndpoint sts(*world, clock);
  sandbox::AdminEndpoint admin(clock);

  auto oss_server = http::StartServer({.port = oss_port}, oss);
  auto sts_server = http::StartServer({.port = sts_port}, sts);
  auto admin_server = http::StartServer({.port = admin_port}, admin);
  for (const absl::Status& status : {oss_server.status(), sts_server.status(), admin_server.status()}) {
    if (!status.ok()) {
      std::cerr << "sluice-sandbox: " << status.message() << "\n";
      return 1;
    }
  }
  const std::string ports = "{\"oss\":" + std::to_string((*oss_server)->port()) +
                            ",\"sts\":" + std::to_string((*sts_server)->port()) +
                            ",\"admin\":" + std::to_string((*admin_server)->port()) + "}";
  std::cerr << "sluice-sandbox: ready on 127.0.0.1, " << ports << "\n";
  if (!ports_file.empty() && !WritePorts(ports_file, ports)) {
    std::cerr << "sluice-sandbox: cannot write " << ports_file << "\n";
    return 1;
  }

  int signal_number = 0;
  sigwait(&ends, &signal_number);
  for (auto* server : {&oss_server, &sts_server, &admin_server}) (**server)->Stop(std::chrono::seconds(5));
  return 0;
}
