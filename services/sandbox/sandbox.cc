// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sandbox.h"

#include "common/base/status_macros.h"
#include "common/base/timers.h"
#include "common/http/cors.h"
#include "services/sandbox/admin_endpoint.h"
#include "services/sandbox/identity_endpoint.h"
#include "services/sandbox/metadata_endpoint.h"
#include "services/sandbox/oss_endpoint.h"
#include "services/sandbox/sts_endpoint.h"

namespace sluice::sandbox {

// In the order of construction; each uses those above it.
struct Sandbox::Parts {
  Parts(SandboxOptions given, std::unique_ptr<World> in, const Clock& real, telemetry::Log& log)
      : options(std::move(given)),
        clock(real),
        world(in != nullptr ? std::move(in) : World::Default()),
        password(options.password.empty() ? Password() : Password(options.password)),
        faults(timers, log),
        stats(timers),
        oss(*world, clock, shelf, faults, oss_stats, log),
        identity(real, password),
        identity_pages({{"*"}, {"GET"}, {"Authorization"}, {}}, identity),
        sts(*world, clock, identity, faults, stats, log),
        metadata(*world, clock, faults, log),
        admin(clock, faults, stats, oss_stats, shelf, password) {
    faults.ListenToNames(options.faults_by_name);
  }

  const SandboxOptions options;
  SandboxClock clock;
  const std::unique_ptr<World> world;
  const Password password;
  ThreadTimers timers;
  FaultScript faults;
  StsStats stats;
  OssStats oss_stats;
  ObjectShelf shelf;
  OssEndpoint oss;
  IdentityEndpoint identity;
  // Pages sign in here.
  http::CorsHandler identity_pages;
  StsEndpoint sts;
  MetadataEndpoint metadata;
  AdminEndpoint admin;
  std::unique_ptr<http::Server> oss_server;
  std::unique_ptr<http::Server> sts_server;
  std::unique_ptr<http::Server> metadata_server;
  std::unique_ptr<http::Server> identity_server;
  std::unique_ptr<http::Server> admin_server;
};

Sandbox::Sandbox(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Sandbox::~Sandbox() { Stop(); }

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Start(SandboxOptions options, std::unique_ptr<World> world,
                                                        const Clock& real, telemetry::Log& log) {
  std::unique_ptr<Sandbox> out(
      new Sandbox(std::make_unique<Parts>(std::move(options), std::move(world), real, log)));
  Parts& parts = *out->parts_;
  auto listen = [&](uint16_t port, http::Handler& handler) {
    http::ServerOptions server;
    server.host = parts.options.host;
    server.port = port;
    return http::StartServer(std::move(server), handler);
  };
  ASSIGN_OR_RETURN(parts.oss_server, listen(parts.options.oss_port, parts.oss));
  const auto set_issuer = [&parts](uint16_t port) {
    parts.identity.SetIssuer("http://" + parts.options.public_host + ":" + std::to_string(port));
  };
  // A port that was chosen may be asked the moment it listens; a free one is known to nobody before this
  // returns.
  if (parts.options.identity_port != 0) set_issuer(parts.options.identity_port);
  ASSIGN_OR_RETURN(parts.identity_server, listen(parts.options.identity_port, parts.identity_pages));
  if (parts.options.identity_port == 0) set_issuer(parts.identity_server->port());
  // After it, since STS asks it for its issuer.
  ASSIGN_OR_RETURN(parts.sts_server, listen(parts.options.sts_port, parts.sts));
  ASSIGN_OR_RETURN(parts.metadata_server, listen(parts.options.metadata_port, parts.metadata));
  ASSIGN_OR_RETURN(parts.admin_server, listen(parts.options.admin_port, parts.admin));
  return out;
}

uint16_t Sandbox::oss_port() const { return parts_->oss_server->port(); }
uint16_t Sandbox::sts_port() const { return parts_->sts_server->port(); }
uint16_t Sandbox::metadata_port() const { return parts_->metadata_server->port(); }
uint16_t Sandbox::identity_port() const { return parts_->identity_server->port(); }
uint16_t Sandbox::admin_port() const { return parts_->admin_server->port(); }
const std::string& Sandbox::issuer() const { return parts_->identity.issuer(); }
SandboxClock& Sandbox::clock() { return parts_->clock; }
FaultScript& Sandbox::faults() { return parts_->faults; }
StsStats& Sandbox::stats() { return parts_->stats; }
OssStats& Sandbox::oss_stats() { return parts_->oss_stats; }
const ObjectShelf& Sandbox::shelf() const { return parts_->shelf; }

void Sandbox::Stop() {
  parts_->faults.Stop();
  for (auto* server : {&parts_->oss_server, &parts_->sts_server, &parts_->metadata_server,
                       &parts_->identity_server, &parts_->admin_server}) {
    if (*server != nullptr) (**server).Stop(std::chrono::seconds(5));
  }
}

}  // namespace sluice::sandbox
