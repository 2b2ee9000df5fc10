// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "common/base/config_file.h"
#include "common/base/file_watcher.h"
#include "common/telemetry/log.h"
#include "services/token_broker/broker.h"

namespace sluice::broker {

// Keeps a running broker in step with its config and with every file that the config names: values read from
// files, JWKS, certificates and their keys. When one changes, or when asked to, all is read and judged again,
// and taken over whole or not at all; a refusal is logged with its reason, and what ran before runs on. One
// thread of its own, which also ends what earlier configs left behind. Thread-safe.
class Reloader {
 public:
  // `settings` and `source` are what `broker` was started with. `broker` and `log` must outlive it.
  Reloader(std::string config_path, const Settings& settings, const ConfigSource& source, Broker& broker,
           telemetry::Log& log, std::chrono::milliseconds interval = std::chrono::milliseconds(250));
  ~Reloader();

  // Reads everything again, soon; what SIGHUP stands for.
  void Ask();

 private:
  void Watch(const Settings& settings, const ConfigSource& source);
  void Changed(const char* what);
  void Run();
  absl::Status ReloadConfig();
  // Logs and counts what became of it.
  void Tell(const std::string& what, const absl::Status& outcome);

  const std::string config_path_;
  Broker& broker_;
  telemetry::Log& log_;
  FileWatcher watcher_;
  // Only the constructor and then the thread touch it.
  std::set<std::string> watched_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // What has changed: `config`, `keys`, `jwks`, `tls`. Guarded by mutex_, as is ending_.
  std::set<std::string> pending_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace sluice::broker
