// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/broker.h"

#include <future>
#include <limits>
#include <thread>

#include "common/base/config_file.h"
#include "common/base/file.h"
#include "common/base/file_watcher.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/admin_edge.h"
#include "common/http/curl_client.h"
#include "common/rpc/admin_server.h"
#include "common/rpc/transport_credentials.h"
#include "services/token_broker/aliyun_sts.h"
#include "services/token_broker/generations.h"
#include "services/token_broker/grpc_edge.h"
#include "services/token_broker/http_edge.h"
#include "services/token_broker/measured_sts.h"
#include "services/token_broker/restart_only.h"
#include "services/token_broker/sts_stack.h"

namespace sluice::broker {
namespace {

// The deny list as a file says it. An empty file is refused: it may be half written; `{}` denies nobody.
absl::StatusOr<DenyList> ReadDenyList(const std::string& path, const std::string& text) {
  config::v1::DenyList list;
  RETURN_IF_ERROR(ReadConfig(path, text, list).status());
  return DenyList::Read(list);
}

absl::StatusOr<std::unique_ptr<http::Server>> Listen(const Listener& listener, http::Handler& handler,
                                                     std::function<void(int)> on_http2) {
  http::ServerOptions options;
  options.host = listener.host;
  options.port = listener.port;
  options.tls = listener.tls;
  options.on_http2 = std::move(on_http2);
  return http::StartServer(std::move(options), handler);
}

// How long a call may wait for a thread; a caller who is told so then still has time to ask another replica.
constexpr std::chrono::milliseconds kMostWait{500};

// As configured; in development else the listener's own address, where it has one.
std::string PublicUrl(const Settings& settings, uint16_t port) {
  const std::string& host = settings.http.host;
  if (!settings.public_url.empty() || !settings.development || host == "0.0.0.0" || host == "::")
    return settings.public_url;
  return std::string(settings.http.tls ? "https://" : "http://") +
         (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace

// In the order of construction; each uses those above it, so destruction in reverse is safe.
struct Broker::Parts {
  Parts(const Settings& settings, std::unique_ptr<aliyun::CredentialSource> own, const Clock& clock,
        telemetry::Log& to, std::unique_ptr<Audit> sink, std::unique_ptr<rpc::ServerTls> grpc_tls,
        std::unique_ptr<rpc::ServerTls> for_gateways)
      : log(to),
        client(http::MakeCurlClient({})),
        own_key(std::move(own)),
        audit(std::move(sink)),
        sts(Wires(settings, clock), settings.sts_calls_per_second, timers, RandomJitter()),
        load(settings.load, timers),
        // Half of what is remembered; judgements and callers have the rest.
        tokens(sts.top(), clock, timers, metrics, load, settings.sts_timeout, settings.cache_bytes / 2),
        lasting{clock, log, *client, *audit, tokens, load, metrics, denied},
        http_edge([this] { return CurrentApi(); },
                  {settings.real_status_codes, settings.development && !settings.identity.jwt.empty()
                                                   ? settings.identity.jwt[0].rules.issuer
                                                   : ""}),
        pages(PagesMayAsk(settings.page_origins), http_edge),
        admin_edge({[this] { return DeepHealth(); }, [this] { return metrics.Text(); }}),
        tls(std::move(grpc_tls)),
        gateways_tls(std::move(for_gateways)),
        grpc(ServerOptions(settings)),
        grpc_edge([this] { return CurrentApi(); }, grpc) {
    AddGauges(settings, clock);
  }

  rpc::GrpcServerOptions ServerOptions(const Settings& settings) {
    rpc::GrpcServerOptions out;
    out.address = service::AddressText(settings.grpc);
    out.credentials = tls != nullptr ? tls->credentials() : grpc::InsecureServerCredentials();
    out.tls = tls != nullptr;
    out.queues = settings.grpc_queues;
    out.certificates = settings.gateways || (settings.grpc.tls && !settings.grpc.tls->client_ca_file.empty());
    out.most_wait = kMostWait;
    out.too_late = [this] {
      metrics.TurnedAway();
      return load.TurnAway();
    };
    if (settings.gateways)
      out.also_tls =
          rpc::ListeningAddress{service::AddressText(*settings.gateways), gateways_tls->credentials()};
    return out;
  }

  // One for each endpoint, each call counted as it goes out.
  std::vector<StsStack::Wire> Wires(const Settings& settings, const Clock& clock) {
    std::vector<StsStack::Wire> out;
    for (const std::string& endpoint : settings.sts_endpoints) {
      auto wire = std::make_unique<AliyunSts>(*client, endpoint, *own_key, clock);
      out.push_back({endpoint, std::make_unique<MeasuredSts>(std::move(wire), metrics, timers)});
    }
    return out;
  }

  // With the generation that it belongs to.
  std::shared_ptr<Api> CurrentApi() const {
    auto generation = generations.Current();
    Api* api = &generation->api();
    return {std::move(generation), api};
  }

  http::AdminEdge::Health DeepHealth() const {
    http::AdminEdge::Health out;
    const auto key = own_key->Current();
    const bool keys = generations.Current()->keys().HasAll();
    out.parts["own_credentials"] = key != nullptr ? "present" : "missing";
    out.parts["identity_keys"] = keys ? "present" : "missing";
    boost::json::object endpoints;
    bool reachable = false;
    for (const EndpointHealth& endpoint : sts.Health()) {
      reachable = reachable || !endpoint.open;
      endpoints[endpoint.address] = endpoint.last_error.empty() ? "good" : endpoint.last_error;
    }
    out.parts["sts"] = std::move(endpoints);
    out.good = key != nullptr && keys && reachable;
    return out;
  }

  void AddGauges(const Settings& settings, const Clock& clock) {
    const auto add = [this](const char* name, const char* help, std::function<double()> value,
                            telemetry::Labels labels = {}) {
      gauges.push_back(metrics.registry().AddGauge(name, help, std::move(labels), std::move(value)));
    };
    add("sluice_development", "1 where http and the sandbox's keys are accepted",
        [development = settings.development] { return development ? 1.0 : 0.0; });
    add("sluice_ready", "1 while new calls are wanted", [this] { return admin_edge.ready() ? 1.0 : 0.0; });
    add("sluice_calls_in_flight", "Calls taken and not yet answered",
        [this] { return static_cast<double>(load.in_flight()); });
    add("sluice_sts_budget_left", "Calls to STS that could be made now",
        [this] { return static_cast<double>(sts.budget().left()); });
    add("sluice_sts_budget_waiting", "Callers who wait for their turn at STS inside their call",
        [this] { return static_cast<double>(sts.budget().waiting()); });
    add("sluice_sts_budget_promised", "Callers who were told when to come back for their turn at STS",
        [this] { return static_cast<double>(sts.budget().promised()); });
    add("sluice_tokens_under_way", "Tokens being minted now",
        [this] { return static_cast<double>(tokens.flights()); });
    for (size_t i = 0; i < settings.sts_endpoints.size(); ++i) {
      add("sluice_sts_endpoint_up", "0 while an endpoint of STS is left alone but for a probe now and then",
          [this, i] { return sts.Health()[i].open ? 0.0 : 1.0; }, {{"endpoint", settings.sts_endpoints[i]}});
    }
    add("sluice_own_key_life_seconds",
        "What is left of the broker's own key; absent for one that stays, 0 without one", [this, &clock] {
          const auto key = own_key->Current();
          if (key == nullptr) return 0.0;
          if (!key->expiration) return std::numeric_limits<double>::quiet_NaN();
          return std::chrono::duration<double>(*key->expiration - clock.Now()).count();
        });
    add("sluice_token_cache_entries", "Tokens remembered",
        [this] { return static_cast<double>(tokens.size()); });
    add("sluice_cache_bytes",
        "Of tokens, judgements and verified callers together, as `cache.max_bytes` counts", [this] {
          const auto generation = generations.Current();
          return static_cast<double>(tokens.bytes() + generation->remembered_callers_bytes() +
                                     generation->remembered_plans_bytes());
        });
  }

  // A bad new list is refused and the old one stays.
  void WatchDenyList(const std::string& path, std::string known) {
    if (path.empty()) return;
    const auto refused = [this, path](const std::string& why) {
      metrics.Reloaded("deny", false);
      log.Write(telemetry::Severity::kError, "deny_list_refused",
                {{"file", path}, {"why", why}, {"kept", "the last good one"}});
    };
    watcher.Watch(
        path, std::move(known),
        [this, path, refused](const std::string& text) {
          auto list = ReadDenyList(path, text);
          if (!list.ok()) return refused(std::string(FromAbsl(list.status().message())));
          const size_t entries = list->size();
          denied.Set(*std::move(list));
          metrics.Reloaded("deny", true);
          log.Write(telemetry::Severity::kInfo, "deny_list_loaded", {{"entries", entries}});
        },
        [refused] { refused("it cannot be read"); });
  }

  telemetry::Log& log;
  BrokerMetrics metrics;
  ThreadTimers timers;
  std::unique_ptr<http::Client> client;
  const std::unique_ptr<aliyun::CredentialSource> own_key;
  const std::unique_ptr<Audit> audit;
  StsStack sts;
  Load load;
  TokenCache tokens;
  CurrentDenyList denied;
  const Lasting lasting;
  Generations generations;
  HttpEdge http_edge;
  http::CorsHandler pages;
  http::AdminEdge admin_edge;
  // Null for plaintext.
  const std::unique_ptr<rpc::ServerTls> tls;
  // Null without a second address.
  const std::unique_ptr<rpc::ServerTls> gateways_tls;
  rpc::GrpcServer grpc;
  GrpcEdge grpc_edge;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<rpc::AdminServer> admin_rpc;
  std::unique_ptr<http::Server> admin;
  FileWatcher watcher;
  std::vector<telemetry::Gauge> gauges;
};

Broker::Broker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Broker::~Broker() {
  Stop(std::chrono::milliseconds(0));
  parts_->watcher.Stop();
  parts_->gauges.clear();
  // Fetches of keys wait for the client, so they end first; then calls to STS, which may still be under way
  // for HTTP callers whose connections were closed, while everything that they touch is alive.
  parts_->generations.StopFetching();
  parts_->client.reset();
}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(Settings settings,
                                                      std::unique_ptr<aliyun::CredentialSource> own,
                                                      const Clock& clock, telemetry::Log& log) {
  if (const auto key = own->Current()) RETURN_IF_ERROR(CheckOwnKey(key->access_key_id, settings.development));
  ASSIGN_OR_RETURN(auto audit, OpenAudit(settings.audit_file));
  std::unique_ptr<rpc::ServerTls> tls;
  if (settings.grpc.tls) {
    ASSIGN_OR_RETURN(tls, rpc::ServerTls::Load(*settings.grpc.tls));
  }
  std::unique_ptr<rpc::ServerTls> gateways_tls;
  if (settings.gateways) {
    ASSIGN_OR_RETURN(gateways_tls, rpc::ServerTls::Load(*settings.gateways->tls));
  }
  DenyList denied;
  std::string deny_text;
  if (!settings.deny_file.empty()) {
    auto text = ReadFile(settings.deny_file);
    if (!text)
      return Fail(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID",
                  "deny.file: " + settings.deny_file + " cannot be read; `{}` in it denies nobody");
    deny_text = *std::move(text);
    ASSIGN_OR_RETURN(denied, ReadDenyList(settings.deny_file, deny_text));
  }
  std::unique_ptr<Broker> out(new Broker(std::make_unique<Parts>(
      settings, std::move(own), clock, log, std::move(audit), std::move(tls), std::move(gateways_tls))));
  Parts& parts = *out->parts_;
  ASSIGN_OR_RETURN(auto generation, Generation::Make(std::move(settings), parts.lasting, nullptr));
  parts.generations.Replace(generation);
  parts.denied.Set(std::move(denied));
  const Settings& kept = generation->settings();
  parts.WatchDenyList(kept.deny_file, std::move(deny_text));
  RETURN_IF_ERROR(parts.grpc.Start());
  ASSIGN_OR_RETURN(parts.http, Listen(kept.http, parts.pages, {}));
  ASSIGN_OR_RETURN(parts.admin_rpc, rpc::AdminServer::Start({token::v1::TokenBroker::service_full_name()},
                                                            "port " + std::to_string(parts.grpc.port())));
  ASSIGN_OR_RETURN(parts.admin,
                   Listen(kept.admin, parts.admin_edge,
                          [&admin = *parts.admin_rpc](int descriptor) { admin.Take(descriptor); }));
  generation->api().SetPublicUrl(PublicUrl(kept, parts.http->port()));
  parts.admin_rpc->SetServing(true);
  parts.admin_edge.SetReady(true);
  return out;
}

int Broker::grpc_port() const { return parts_->grpc.port(); }
int Broker::gateways_port() const { return parts_->grpc.also_port(); }
int Broker::http_port() const { return parts_->http->port(); }
int Broker::admin_port() const { return parts_->admin->port(); }

void Broker::OnKeysFetched(absl::AnyInvocable<void()> done) {
  parts_->generations.Current()->keys().OnFetched(std::move(done));
}

absl::Status Broker::Reload(Settings next) {
  const auto running = parts_->generations.Current();
  RETURN_IF_ERROR(CheckReplaceable(running->settings(), next));
  // A fresh key would end every ticket that is out.
  if (next.ephemeral_keys && running->settings().ephemeral_keys) next.tickets = running->settings().tickets;
  ASSIGN_OR_RETURN(auto generation, Generation::Make(std::move(next), parts_->lasting, running.get()));
  const Settings& settings = generation->settings();
  generation->api().SetPublicUrl(PublicUrl(settings, parts_->http->port()));
  auto fetched = std::make_shared<std::promise<void>>();
  generation->keys().OnFetched([fetched] { fetched->set_value(); });
  fetched->get_future().wait_for(std::chrono::seconds(5));
  parts_->load.Set(settings.load);
  parts_->sts.budget().SetShare(settings.sts_calls_per_second);
  parts_->generations.Replace(std::move(generation));
  return absl::OkStatus();
}

absl::Status Broker::ReloadTls() {
  // Each listener by itself: a bad file of one keeps no other from its new certificate.
  absl::Status out;
  for (rpc::ServerTls* tls : {parts_->tls.get(), parts_->gateways_tls.get()}) {
    if (tls != nullptr) out.Update(tls->Reload());
  }
  for (http::Server* server : {parts_->http.get(), parts_->admin.get()}) out.Update(server->ReloadTls());
  return out;
}

Settings Broker::settings() const { return parts_->generations.Current()->settings(); }

void Broker::CountReload(std::string_view what, bool good) { parts_->metrics.Reloaded(what, good); }

void Broker::Reap() { parts_->generations.Reap(); }

void Broker::AnnounceEnd() {
  parts_->admin_edge.SetReady(false);
  if (parts_->admin_rpc) parts_->admin_rpc->SetServing(false);
  parts_->grpc.AnnounceEnd();
}

void Broker::Stop(std::chrono::milliseconds grace) {
  AnnounceEnd();
  const Deadline end = Deadline::After(grace);
  // Both at once: neither takes new calls while the other waits for its last.
  std::thread http([&] {
    if (parts_->http) parts_->http->Stop(end.Left());
  });
  parts_->grpc.Stop(end.Left());
  http.join();
  if (parts_->admin) parts_->admin->Stop(std::chrono::milliseconds(0));
  if (parts_->admin_rpc) parts_->admin_rpc->Stop();
}

}  // namespace sluice::broker
