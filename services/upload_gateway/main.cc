// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "common/base/end_signal.h"
#include "common/base/file.h"
#include "common/base/file_watcher.h"
#include "common/base/service_manager.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "services/upload_gateway/config.h"
#include "services/upload_gateway/gateway.h"

namespace {

// Files whose change calls for reading TLS again.
std::vector<std::string> TlsFilesOf(const sluice::gateway::Settings& settings) {
  std::vector<std::string> out;
  for (const auto* listener : {&settings.grpc, &settings.http, &settings.admin}) {
    if (!listener->tls) continue;
    for (const std::string& file :
         {listener->tls->cert_file, listener->tls->key_file, listener->tls->client_ca_file})
      if (!file.empty()) out.push_back(file);
  }
  return out;
}

int Complain(const absl::Status& status, int code) {
  std::cerr << "sluice-gateway: " << sluice::FromAbsl(status.message()) << "\n";
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;  // NOLINT(google-build-using-namespace): the composition root knows everybody
  CLI::App app("Streams uploads into OSS multipart for clients that cannot speak to OSS.");
  std::string config_path;
  std::string ports_file;
  bool check = false;
  app.add_option("--config", config_path, "YAML of sluice.config.v1.UploadGatewayConfig")->required();
  app.add_flag("--check", check, "judge the config, print what it says, exit 0 or 2");
  app.add_option("--ports-file", ports_file, "where to write the ports as JSON once ready");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  config::v1::UploadGatewayConfig config;
  const auto source = LoadConfig(config_path, config);
  if (!source.ok()) return Complain(source.status(), 2);
  auto settings = gateway::ReadSettings(config, *source);
  if (!settings.ok()) return Complain(settings.status(), 2);
  if (check) {
    std::cout << gateway::DescribeSettings(*settings) << config_path << ": good\n";
    return 0;
  }

  const EndSignal end(EndSignal::Hangup::kReloads);
  // Messages of a megabyte come and go all the time: mapping each anew would cost more than carrying it.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  // What one thread allocates another frees: an arena for each would hold a sixth more than is in use.
  mallopt(M_ARENA_MAX, 2);

  SystemClock clock;
  telemetry::StderrLog log(clock);
  using telemetry::Severity;
  if (settings->development)
    log.Write(Severity::kWarning, "development_mode",
              {{"meaning", "http and a broker without TLS are accepted"}});
  if (settings->ephemeral_keys)
    log.Write(Severity::kWarning, "ephemeral_keys", {{"meaning", "uploads end with this process"}});
  const auto drain_wait = settings->drain_wait;
  const auto drain_grace = settings->drain_grace;
  FileWatcher watcher;
  for (const std::string& file : TlsFilesOf(*settings)) {
    const auto read_again = [](const auto&...) { kill(getpid(), SIGHUP); };
    watcher.Watch(file, ReadFile(file).value_or(""), read_again, [] {});
  }
  auto gateway = gateway::Gateway::Start(*std::move(settings), clock, log);
  if (!gateway.ok())
    return Complain(gateway.status(), gateway.status().code() == absl::StatusCode::kInvalidArgument ? 2 : 1);
  log.Write(Severity::kInfo, "ready",
            {{"grpc_port", (*gateway)->grpc_port()},
             {"http_port", (*gateway)->http_port()},
             {"admin_port", (*gateway)->admin_port()}});
  const std::string ports = "{\"grpc\":" + std::to_string((*gateway)->grpc_port()) +
                            ",\"http\":" + std::to_string((*gateway)->http_port()) +
                            ",\"admin\":" + std::to_string((*gateway)->admin_port()) + "}\n";
  if (!ports_file.empty() && !WriteFileWhole(ports_file, ports)) {
    std::cerr << "sluice-gateway: cannot write " << ports_file << "\n";
    return 1;
  }
  TellServiceManager("READY=1");

  while (end.Await() == EndSignal::Came::kHangup) {
    const absl::Status reloaded = (*gateway)->ReloadTls();
    log.Write(reloaded.ok() ? Severity::kInfo : Severity::kError,
              reloaded.ok() ? "tls_reloaded" : "tls_refused",
              {{"why", std::string(FromAbsl(reloaded.message()))}});
  }
  watcher.Stop();
  TellServiceManager("STOPPING=1");
  log.Write(Severity::kInfo, "draining",
            {{"wait_ms", drain_wait.count()}, {"grace_ms", drain_grace.count()}});
  (*gateway)->AnnounceEnd();
  std::this_thread::sleep_for(drain_wait);  // a load balancer turns away meanwhile
  (*gateway)->Stop(drain_grace);
  log.Write(Severity::kInfo, "stopped");
  return 0;
}
