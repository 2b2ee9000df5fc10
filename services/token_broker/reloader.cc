// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/reloader.h"

#include <utility>
#include <vector>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace sluice::broker {
namespace {

// A certificate and its key, or all files of a mounted volume, change one after the other.
constexpr std::chrono::milliseconds kSettle{100};

std::vector<std::pair<std::string, const char*>> FilesOf(const std::string& config_path,
                                                         const Settings& settings,
                                                         const ConfigSource& source) {
  std::vector<std::pair<std::string, const char*>> out = {{config_path, "config"}};
  for (const std::string& file : source.files()) out.emplace_back(file, "keys");
  for (const service::JwtProviderSettings& jwt : settings.identity.jwt) {
    out.emplace_back(jwt.jwks_file, "jwks");
    out.emplace_back(jwt.ca_file, "jwks");
  }
  const Listener* gateways = settings.gateways ? &*settings.gateways : nullptr;
  for (const Listener* listener : {&settings.grpc, &settings.http, &settings.admin, gateways}) {
    if (listener == nullptr || !listener->tls) continue;
    out.emplace_back(listener->tls->cert_file, "tls");
    out.emplace_back(listener->tls->key_file, "tls");
    out.emplace_back(listener->tls->client_ca_file, "tls");
  }
  std::erase_if(out, [](const auto& file) { return file.first.empty(); });
  return out;
}

}  // namespace

Reloader::Reloader(std::string config_path, const Settings& settings, const ConfigSource& source,
                   Broker& broker, telemetry::Log& log, std::chrono::milliseconds interval)
    : config_path_(std::move(config_path)), broker_(broker), log_(log), watcher_(interval) {
  Watch(settings, source);
  thread_ = std::thread([this] { Run(); });
}

Reloader::~Reloader() {
  watcher_.Stop();
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Reloader::Ask() {
  Changed("config");
  Changed("tls");
}

void Reloader::Watch(const Settings& settings, const ConfigSource& source) {
  for (const auto& [file, what] : FilesOf(config_path_, settings, source)) {
    if (!watched_.insert(file).second) continue;
    // A file that cannot be read is told when something is read again; it may be on its way.
    watcher_.Watch(
        file, ReadFile(file).value_or(""), [this, what = what](const std::string&) { Changed(what); }, [] {});
  }
}

void Reloader::Changed(const char* what) {
  {
    std::lock_guard lock(mutex_);
    pending_.insert(what);
  }
  changed_.notify_all();
}

void Reloader::Run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    changed_.wait_for(lock, std::chrono::seconds(1), [&] { return ending_ || !pending_.empty(); });
    if (!pending_.empty()) changed_.wait_for(lock, kSettle, [&] { return ending_; });
    if (ending_) return;
    auto pending = std::exchange(pending_, {});
    lock.unlock();
    if (pending.erase("tls") > 0) Tell("tls", broker_.ReloadTls());
    if (!pending.empty()) {
      const absl::Status outcome = ReloadConfig();
      for (const std::string& what : pending) Tell(what, outcome);
    }
    broker_.Reap();
    lock.lock();
  }
}

absl::Status Reloader::ReloadConfig() {
  config::v1::TokenBrokerConfig config;
  ASSIGN_OR_RETURN(const ConfigSource source, LoadConfig(config_path_, config));
  ASSIGN_OR_RETURN(Settings settings, ReadSettings(config, source));
  // Also where the broker refuses it: the file that is wrong may be a new one.
  Watch(settings, source);
  return broker_.Reload(std::move(settings));
}

void Reloader::Tell(const std::string& what, const absl::Status& outcome) {
  broker_.CountReload(what, outcome.ok());
  if (outcome.ok()) return log_.Write(telemetry::Severity::kInfo, "reloaded", {{"what", what}});
  log_.Write(telemetry::Severity::kError, "reload_refused",
             {{"what", what},
              {"reason", Reason(outcome)},
              {"why", std::string(FromAbsl(outcome.message()))},
              {"kept", "what ran before"}});
}

}  // namespace sluice::broker
