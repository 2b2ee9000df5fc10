// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/gateway.h"

#include <future>
#include <utility>
#include <vector>

#include "common/base/status_macros.h"
#include "common/crypto/jitter.h"
#include "common/http/admin_edge.h"
#include "common/http/curl_client.h"
#include "common/rpc/admin_server.h"
#include "common/rpc/grpc_server.h"
#include "common/rpc/transport_credentials.h"
#include "services/upload_gateway/api.h"
#include "services/upload_gateway/grpc_broker_link.h"
#include "services/upload_gateway/grpc_edge.h"
#include "services/upload_gateway/incoming_frame.h"
#include "services/upload_gateway/ticket_access.h"
#include "services/upload_gateway/token_access.h"
#include "services/upload_gateway/tus_edge.h"

namespace sluice::gateway {
namespace {

// A chunk of the largest size, and what stands around it.
constexpr int kLargestMessage = (4 << 20) + (64 << 10);
// What one stream may send before it is read: a floor of its own in the budget.
constexpr int kLookahead = 64 * 1024;
// Beyond the budget, for what is no client's payload.
constexpr size_t kFuseMargin = 16 << 20;

rpc::GrpcServerOptions ServerOptions(const Settings& settings, const rpc::ServerTls* tls) {
  rpc::GrpcServerOptions out;
  out.address = service::AddressText(settings.grpc);
  out.credentials = tls != nullptr ? tls->credentials() : grpc::InsecureServerCredentials();
  out.tls = tls != nullptr;
  out.queues = 1;
  out.threads = settings.grpc_threads;
  out.max_request_bytes = kLargestMessage;
  out.bulk = rpc::BulkTraffic{kLookahead, settings.budget_bytes + kFuseMargin};
  return out;
}

http::ServerOptions HttpOptions(const Settings& settings) {
  http::ServerOptions out;
  out.host = settings.http.host;
  out.port = settings.http.port;
  out.tls = settings.http.tls;
  out.max_connections = settings.streams;
  out.piece_bytes = kLookahead;
  return out;
}

std::unique_ptr<OssAccess> MakeAccess(const Settings& settings, BrokerLink& broker, const Clock& clock) {
  if (settings.by_token) return std::make_unique<TokenAccess>(broker, clock);
  return std::make_unique<TicketAccess>(broker);
}

}  // namespace

// In the order of construction; each uses those above it, so destruction in reverse is safe.
struct Gateway::Parts {
  Parts(const Settings& settings, const Clock& clock, telemetry::Log& to,
        std::unique_ptr<telemetry::LineSink> sink, std::unique_ptr<rpc::ServerTls> grpc_tls,
        std::unique_ptr<http::Client> small_calls, std::unique_ptr<http::BodyClient> large_bodies,
        std::unique_ptr<service::ProviderKeys> provider_keys, const std::shared_ptr<grpc::Channel>& channel)
      : log(to),
        audit(std::move(sink)),
        calls(std::move(small_calls)),
        bodies(std::move(large_bodies)),
        keys(std::move(provider_keys)),
        authenticator({keys->providers(), std::nullopt, settings.identity.anonymous, nullptr, std::nullopt},
                      clock),
        budget(settings.budget_bytes, timers),
        tls(std::move(grpc_tls)),
        grpc(ServerOptions(settings, tls.get())),
        broker(grpc.outgoing(), channel),
        access(MakeAccess(settings, broker, clock)),
        live(timers, budget),
        known(timers, clock),
        api({authenticator,
             broker,
             settings.ring,
             {*access, *calls, *bodies, timers, clock, metrics, alive, RandomJitter()},
             {budget, live, timers, clock, metrics, settings.times},
             known,
             *audit,
             settings.trusted_proxies,
             settings.streams}),
        edge(api, grpc),
        tus_edge(api, budget),
        pages(PagesMayUpload(settings.page_origins), tus_edge),
        admin_edge({[this] { return DeepHealth(); }, [this] { return metrics.Text(); }}) {
    AddGauges(settings);
  }

  http::AdminEdge::Health DeepHealth() const {
    http::AdminEdge::Health out;
    const bool have = keys->HasAll();
    out.parts["identity_keys"] = have ? "present" : "missing";
    out.good = have;
    return out;
  }

  void AddGauges(const Settings& settings) {
    const auto add = [this](const char* name, const char* help, std::function<double()> value) {
      gauges.push_back(metrics.registry().AddGauge(name, help, {}, std::move(value)));
    };
    add("sluice_development", "1 where http and a broker without TLS are accepted",
        [development = settings.development] { return development ? 1.0 : 0.0; });
    add("sluice_ready", "1 while new uploads are wanted", [this] { return admin_edge.ready() ? 1.0 : 0.0; });
    add("sluice_upload_streams", "Streams that are open",
        [this] { return static_cast<double>(api.open_streams()); });
    add("sluice_upload_budget_bytes", "What all streams together may hold",
        [this] { return static_cast<double>(budget.size()); });
    add("sluice_upload_budget_used_bytes", "What they hold, and have reserved for reading",
        [this] { return static_cast<double>(budget.held()); });
    add("sluice_upload_budget_waiting", "Streams that wait for room",
        [this] { return static_cast<double>(budget.waiting()); });
    add("sluice_upload_known", "Unfinished uploads that this replica frees when they expire",
        [this] { return static_cast<double>(known.size()); });
  }

  telemetry::Log& log;
  GatewayMetrics metrics;
  ThreadTimers timers;
  const std::unique_ptr<telemetry::LineSink> audit;
  std::unique_ptr<http::Client> calls;
  std::unique_ptr<http::BodyClient> bodies;
  const std::unique_ptr<service::ProviderKeys> keys;
  const identity::Authenticator authenticator;
  ByteBudget budget;
  UploadsAlive alive;
  // Null for plaintext.
  const std::unique_ptr<rpc::ServerTls> tls;
  rpc::GrpcServer grpc;
  GrpcBrokerLink broker;
  const std::unique_ptr<OssAccess> access;
  LiveStreams live;
  KnownUploads known;
  Api api;
  GrpcEdge edge;
  TusEdge tus_edge;
  http::CorsHandler pages;
  http::AdminEdge admin_edge;
  std::unique_ptr<rpc::AdminServer> admin_rpc;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<http::Server> admin;
  std::vector<telemetry::Gauge> gauges;
  bool stopped = false;
};

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Gateway::~Gateway() {
  Stop(std::chrono::milliseconds(0));
  parts_->gauges.clear();
  // Requests to OSS and what waits to try them again, while everything that they touch is alive.
  parts_->known.End();
  parts_->alive.End();
  // Fetches of keys wait for the client, so they end first.
  parts_->keys->Stop();
  parts_->calls.reset();
  parts_->bodies.reset();
}

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(Settings settings, const Clock& clock,
                                                        telemetry::Log& log) {
  ASSIGN_OR_RETURN(auto audit, telemetry::OpenAuditFile(settings.audit_file));
  std::unique_ptr<rpc::ServerTls> tls;
  if (settings.grpc.tls) {
    ASSIGN_OR_RETURN(tls, rpc::ServerTls::Load(*settings.grpc.tls));
  }
  http::BodyClientOptions bodies_as;
  bodies_as.ca_file = settings.oss_ca_file;
  ASSIGN_OR_RETURN(auto bodies, http::MakeBodyClient(bodies_as));
  ASSIGN_OR_RETURN(const auto channel, OpenBrokerChannel(settings.broker));
  auto calls = http::MakeCurlClient({settings.oss_ca_file});
  ASSIGN_OR_RETURN(auto keys, service::ProviderKeys::Make(settings.identity.jwt, *calls, log, nullptr));
  std::unique_ptr<Gateway> out(
      new Gateway(std::make_unique<Parts>(settings, clock, log, std::move(audit), std::move(tls),
                                          std::move(calls), std::move(bodies), std::move(keys), channel)));
  Parts& parts = *out->parts_;
  RETURN_IF_ERROR(parts.grpc.Start());
  ASSIGN_OR_RETURN(parts.http, http::StartServer(HttpOptions(settings), parts.pages));
  ASSIGN_OR_RETURN(parts.admin_rpc, rpc::AdminServer::Start({upload::v1::UploadGateway::service_full_name()},
                                                            "port " + std::to_string(parts.grpc.port())));
  http::ServerOptions options;
  options.host = settings.admin.host;
  options.port = settings.admin.port;
  options.tls = settings.admin.tls;
  options.on_http2 = [&admin = *parts.admin_rpc](int descriptor) { admin.Take(descriptor); };
  ASSIGN_OR_RETURN(parts.admin, http::StartServer(std::move(options), parts.admin_edge));
  parts.admin_rpc->SetServing(true);
  parts.admin_edge.SetReady(true);
  return out;
}

int Gateway::grpc_port() const { return parts_->grpc.port(); }
int Gateway::http_port() const { return parts_->http->port(); }
int Gateway::admin_port() const { return parts_->admin->port(); }

void Gateway::OnKeysFetched(absl::AnyInvocable<void()> done) { parts_->keys->OnFetched(std::move(done)); }

absl::Status Gateway::ReloadTls() {
  absl::Status out;
  if (parts_->tls != nullptr) out.Update(parts_->tls->Reload());
  out.Update(parts_->http->ReloadTls());
  out.Update(parts_->admin->ReloadTls());
  return out;
}

std::string Gateway::MetricsText() const { return parts_->metrics.Text(); }

void Gateway::AnnounceEnd() {
  parts_->admin_edge.SetReady(false);
  if (parts_->admin_rpc) parts_->admin_rpc->SetServing(false);
  parts_->grpc.AnnounceEnd();
}

void Gateway::Stop(std::chrono::milliseconds grace) {
  if (std::exchange(parts_->stopped, true)) return;
  AnnounceEnd();
  const Deadline end = Deadline::After(grace);
  auto drained = std::make_shared<std::promise<void>>();
  parts_->live.Drain([drained] { drained->set_value(); });
  drained->get_future().wait_for(end.Left());
  if (parts_->http) parts_->http->Stop(end.Left());
  parts_->grpc.Stop(end.Left());
  if (parts_->admin) parts_->admin->Stop(std::chrono::milliseconds(0));
  if (parts_->admin_rpc) parts_->admin_rpc->Stop();
}

}  // namespace sluice::gateway
