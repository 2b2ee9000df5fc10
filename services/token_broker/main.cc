// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <iostream>
#include <thread>

#include "common/base/end_signal.h"
#include "common/base/file.h"
#include "common/base/service_manager.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "services/token_broker/broker.h"
#include "services/token_broker/config_report.h"
#include "services/token_broker/doctor.h"
#include "services/token_broker/own_key.h"
#include "services/token_broker/ram_policy.h"
#include "services/token_broker/reloader.h"

namespace {

using sluice::telemetry::Severity;

// The options of --print-ram-policy.
struct RamOptions {
  // Empty for none.
  std::string part;
  std::string role;
  std::string identity = "user/sluice-broker";
  std::string oidc_provider;
  std::string service_account = "sluice:sluice-broker";
};

int Complain(const absl::Status& status, int code) {
  std::cerr << "sluice-broker: " << sluice::Reason(status) << ": " << sluice::FromAbsl(status.message())
            << "\n";
  return code;
}

int PrintRamPolicy(const RamOptions& options, const std::vector<sluice::broker::Grant>& grants) {
  using sluice::broker::RamIdentity;
  const auto identity =
      RamIdentity::Parse(options.identity, options.oidc_provider, options.service_account, grants);
  if (!identity.ok()) return Complain(identity.status(), 2);
  const auto text = sluice::broker::DescribeRamPolicy(grants, *identity, options.part, options.role);
  if (!text.ok()) return Complain(text.status(), 2);
  std::cout << *text;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sluice;  // NOLINT(google-build-using-namespace): the composition root knows everybody
  CLI::App app("Answers each caller with credentials that reach its own prefix and nothing else.");
  std::string config_path;
  std::string ports_file;
  bool check = false;
  bool doctor = false;
  RamOptions ram;
  std::string output = "text";
  app.add_option("--config", config_path, "YAML of sluice.config.v1.TokenBrokerConfig")->required();
  app.add_flag("--check", check, "judge the config, print the grants, exit 0 or 2");
  app.add_flag("--doctor", doctor, "examine key, STS, roles and buckets with canaries, exit 0 or 1");
  app.add_flag(
      "--print-ram-policy{all}", ram.part,
      "print as JSON what RAM needs for this config: all, ceiling, trust, broker or broker-trust, as in "
      "--print-ram-policy=ceiling");
  app.add_option("--ram-role", ram.role,
                 "of --print-ram-policy=ceiling: which role, where there are several");
  app.add_option("--ram-identity", ram.identity,
                 "of --print-ram-policy: who the broker is, user/NAME, role/NAME or an ARN")
      ->capture_default_str();
  app.add_option("--oidc-provider", ram.oidc_provider,
                 "of --ram-identity role/NAME: a pod's, by this provider; without it an ECS instance's");
  app.add_option("--service-account", ram.service_account, "of --oidc-provider: NAMESPACE:NAME")
      ->capture_default_str();
  app.add_option("--output", output, "of --doctor: text or json")->check(CLI::IsMember({"text", "json"}));
  app.add_option("--ports-file", ports_file, "where to write the ports as JSON once ready");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  config::v1::TokenBrokerConfig config;
  const auto source = LoadConfig(config_path, config);
  if (!source.ok()) return Complain(source.status(), 2);
  auto settings = broker::ReadSettings(config, *source);
  if (!settings.ok()) return Complain(settings.status(), 2);
  if (check) {
    std::cout << broker::DescribeGrants(*settings);
    for (const std::string& warning : broker::Warnings(*settings))
      std::cout << "warning: " << warning << "\n";
    std::cout << config_path << ": good\n";
    return 0;
  }
  if (!ram.part.empty()) return PrintRamPolicy(ram, settings->grants);
  if (doctor) {
    const auto findings = broker::ExamineBroker(*settings, ProcessEnvironment(), SystemClock());
    std::cout << (output == "json" ? broker::ReportJson(findings) : broker::ReportText(findings));
    return broker::IsHealthy(findings) ? 0 : 1;
  }

  const EndSignal end(EndSignal::Hangup::kReloads);

  SystemClock clock;
  telemetry::StderrLog log(clock);
  if (settings->development)
    log.Write(Severity::kWarning, "development_mode",
              {{"meaning", "http, the sandbox's account and its public keys are accepted"}});
  for (const std::string& warning : broker::Warnings(*settings))
    log.Write(Severity::kWarning, "open_grant", {{"what", warning}});
  ThreadTimers timers;
  const auto key_client = broker::MakeKeyClient();
  auto own = broker::OpenOwnKey(*settings, ProcessEnvironment(), *key_client, clock, timers, log);
  if (!own.ok()) return Complain(own.status(), 2);
  const broker::Settings kept = *settings;
  auto broker = broker::Broker::Start(*std::move(settings), *std::move(own), clock, log);
  if (!broker.ok())
    return Complain(broker.status(), broker.status().code() == absl::StatusCode::kInvalidArgument ? 2 : 1);
  log.Write(Severity::kInfo, "ready",
            {{"grpc_port", (*broker)->grpc_port()},
             {"http_port", (*broker)->http_port()},
             {"admin_port", (*broker)->admin_port()}});
  const std::string ports =
      "{\"grpc\":" + std::to_string((*broker)->grpc_port()) +
      ",\"http\":" + std::to_string((*broker)->http_port()) +
      ",\"admin\":" + std::to_string((*broker)->admin_port()) +
      (kept.gateways ? ",\"gateways\":" + std::to_string((*broker)->gateways_port()) : "") + "}\n";
  if (!ports_file.empty() && !WriteFileWhole(ports_file, ports)) {
    std::cerr << "sluice-broker: cannot write " << ports_file << "\n";
    return 1;
  }

  {
    broker::Reloader reloader(config_path, kept, *source, **broker, log);
    TellServiceManager("READY=1");
    while (end.Await() == EndSignal::Came::kHangup) reloader.Ask();
  }
  const broker::Settings last = (*broker)->settings();
  TellServiceManager("STOPPING=1");
  log.Write(Severity::kInfo, "draining",
            {{"wait_ms", last.drain_wait.count()}, {"grace_ms", last.drain_grace.count()}});
  (*broker)->AnnounceEnd();
  std::this_thread::sleep_for(last.drain_wait);  // a load balancer turns away meanwhile
  (*broker)->Stop(last.drain_grace);
  log.Write(Severity::kInfo, "stopped");
  return 0;
}
