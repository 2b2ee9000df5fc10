// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/broker.h"

#include <future>

#include "common/base/config_file.h"
#include "common/base/file.h"
#include "common/base/file_watcher.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/curl_client.h"
#include "common/rpc/transport_credentials.h"
#include "services/token_broker/admin_edge.h"
#include "services/token_broker/aliyun_sts.h"
#include "services/token_broker/generations.h"
#include "services/token_broker/grpc_edge.h"
#include "services/token_broker/http_edge.h"
#include "services/token_broker/measured_sts.h"
#include "services/token_broker/restart_only.h"

namespace sluice::broker {
namespace {

// The deny list as a file says it. An empty file is refused: it may be half written; `{}` denies nobody.
absl::StatusOr<DenyList> ReadDenyList(const std::string& path, const std::string& text) {
  config::v1::DenyList list;
  RETURN_IF_ERROR(ReadConfig(path, text, list).status());
  return DenyList::Read(list);
}

absl::StatusOr<std::unique_ptr<http::Server>> Listen(const Listener& listener, http::Handler& handler) {
  http::ServerOptions options;
  options.host = listener.host;
  options.port = listener.port;
  options.tls = listener.tls;
  return http::StartServer(std::move(options), handler);
}

std::string Address(const Listener& listener) {
  const bool v6 = listener.host.find(':') != std::string::npos;
  return (v6 ? "[" + listener.host + "]" : listener.host) + ":" + std::to_string(listener.port);
}

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
        telemetry::Log& to, std::unique_ptr<Audit> sink, std::shared_ptr<grpc::ServerCredentials> credentials)
      : log(to),
        client(http::MakeCurlClient({})),
        own_key(std::move(own)),
        audit(std::move(sink)),
        aliyun_sts(*client, settings.sts_endpoints.front(), *own_key, clock),
        sts(aliyun_sts, metrics, timers),
        load(settings.load, timers),
        // Half of what is remembered; judgements and callers have the rest.
        tokens(sts, clock, timers, metrics, settings.sts_timeout, settings.cache_bytes / 2),
        lasting{clock, log, *client, *audit, tokens, load, metrics, denied},
        http_edge([this] { return CurrentApi(); },
                  {settings.real_status_codes,
                   settings.development && !settings.jwt.empty() ? settings.jwt[0].rules.issuer : ""}),
        admin_edge({[this] { return DeepHealth(); }, [this] { return metrics.Text(); }}),
        grpc({Address(settings.grpc), std::move(credentials), settings.grpc.tls.has_value(),
              settings.grpc_queues, 64 * 1024}),
        grpc_edge([this] { return CurrentApi(); }, grpc) {
    AddGauges(settings);
  }

  // With the generation that it belongs to.
  std::shared_ptr<Api> CurrentApi() const {
    auto generation = generations.Current();
    Api* api = &generation->api();
    return {std::move(generation), api};
  }

  AdminEdge::Health DeepHealth() const {
    AdminEdge::Health out;
    const auto key = own_key->Current();
    const bool keys = generations.Current()->HasAllKeys();
    out.parts["own_credentials"] = key != nullptr ? "present" : "missing";
    out.parts["identity_keys"] = keys ? "present" : "missing";
    out.good = key != nullptr && keys;
    return out;
  }

  void AddGauges(const Settings& settings) {
    const auto add = [this](const char* name, const char* help, std::function<double()> value) {
      gauges.push_back(metrics.registry().AddGauge(name, help, {}, std::move(value)));
    };
    add("sluice_development", "1 where http and the sandbox's keys are accepted",
        [development = settings.development] { return development ? 1.0 : 0.0; });
    add("sluice_ready", "1 while new calls are wanted", [this] { return admin_edge.ready() ? 1.0 : 0.0; });
    add("sluice_calls_in_flight", "Calls taken and not yet answered",
        [this] { return static_cast<double>(load.in_flight()); });
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
  AliyunSts aliyun_sts;
  MeasuredSts sts;
  Load load;
  TokenCache tokens;
  CurrentDenyList denied;
  const Lasting lasting;
  Generations generations;
  HttpEdge http_edge;
  AdminEdge admin_edge;
  rpc::GrpcServer grpc;
  GrpcEdge grpc_edge;
  std::unique_ptr<http::Server> http;
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
  ASSIGN_OR_RETURN(auto credentials, rpc::MakeServerCredentials(settings.grpc.tls));
  // The same judgement for the others, so that bad files have one reason wherever they are named.
  for (const auto* listener : {&settings.http, &settings.admin})
    RETURN_IF_ERROR(rpc::MakeServerCredentials(listener->tls).status());
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
  std::unique_ptr<Broker> out(new Broker(std::make_unique<Parts>(settings, std::move(own), clock, log,
                                                                 std::move(audit), std::move(credentials))));
  Parts& parts = *out->parts_;
  ASSIGN_OR_RETURN(auto generation, Generation::Make(std::move(settings), parts.lasting, nullptr));
  parts.generations.Replace(generation);
  parts.denied.Set(std::move(denied));
  const Settings& kept = generation->settings();
  parts.WatchDenyList(kept.deny_file, std::move(deny_text));
  RETURN_IF_ERROR(parts.grpc.Start());
  ASSIGN_OR_RETURN(parts.http, Listen(kept.http, parts.http_edge));
  ASSIGN_OR_RETURN(parts.admin, Listen(kept.admin, parts.admin_edge));
  generation->api().SetPublicUrl(PublicUrl(kept, parts.http->port()));
  parts.admin_edge.SetReady(true);
  return out;
}

int Broker::grpc_port() const { return parts_->grpc.port(); }
int Broker::http_port() const { return parts_->http->port(); }
int Broker::admin_port() const { return parts_->admin->port(); }

void Broker::OnKeysFetched(absl::AnyInvocable<void()> done) {
  parts_->generations.Current()->OnKeysFetched(std::move(done));
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
  generation->OnKeysFetched([fetched] { fetched->set_value(); });
  fetched->get_future().wait_for(std::chrono::seconds(5));
  parts_->load.Set(settings.load);
  parts_->generations.Replace(std::move(generation));
  return absl::OkStatus();
}

void Broker::CountReload(std::string_view what, bool good) { parts_->metrics.Reloaded(what, good); }

void Broker::Reap() { parts_->generations.Reap(); }

void Broker::AnnounceEnd() {
  parts_->admin_edge.SetReady(false);
  parts_->grpc.AnnounceEnd();
}

void Broker::Stop(std::chrono::milliseconds grace) {
  AnnounceEnd();
  const Deadline end = Deadline::After(grace);
  if (parts_->http) parts_->http->Stop(end.Left());
  parts_->grpc.Stop(end.Left());
  if (parts_->admin) parts_->admin->Stop(std::chrono::milliseconds(0));
}

}  // namespace sluice::broker
