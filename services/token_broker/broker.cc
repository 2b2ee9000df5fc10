// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/broker.h"

#include "common/base/config_file.h"
#include "common/base/file.h"
#include "common/base/file_watcher.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/http/curl_client.h"
#include "common/identity/authenticator.h"
#include "common/rpc/transport_credentials.h"
#include "services/token_broker/admin_edge.h"
#include "services/token_broker/aliyun_sts.h"
#include "services/token_broker/api.h"
#include "services/token_broker/audit.h"
#include "services/token_broker/grpc_edge.h"
#include "services/token_broker/http_edge.h"
#include "services/token_broker/signing_sessions.h"

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

}  // namespace

// In the order of construction; each uses those above it, so destruction in reverse is safe.
struct Broker::Parts {
  Parts(Settings given, std::unique_ptr<aliyun::CredentialSource> own, const Clock& clock,
        telemetry::Log& log, std::vector<identity::JwtProvider> providers,
        std::unique_ptr<http::Client> outgoing, std::unique_ptr<Audit> sink,
        std::shared_ptr<grpc::ServerCredentials> credentials)
      : settings(std::move(given)),
        own_key(std::move(own)),
        client(std::move(outgoing)),
        authenticator(
            {WithUrls(std::move(providers), log), settings.certificate, settings.anonymous, settings.tickets},
            clock),
        grants(settings.grants),
        audit(std::move(sink)),
        sts(*client, settings.sts_endpoints.front(), *own_key, clock),
        issuer(sts, *audit, clock, settings.sts_timeout),
        sessions(grants, sts, *audit, clock, settings.sts_timeout),
        presigner(grants, sessions, *audit, clock),
        api({authenticator, grants, denied, issuer, presigner, settings.tickets, *audit, clock,
             settings.trusted_proxies, settings.gateway_address}),
        http_edge(api, {settings.real_status_codes,
                        settings.development && !settings.jwt.empty() ? settings.jwt[0].rules.issuer : ""}),
        grpc({Address(settings.grpc), std::move(credentials), settings.grpc.tls.has_value(),
              settings.grpc_queues, 64 * 1024}),
        grpc_edge(api, grpc) {}

  // Fetching begins only here, when nothing can fail any more.
  std::vector<identity::JwtProvider> WithUrls(std::vector<identity::JwtProvider> providers,
                                              telemetry::Log& log) {
    for (size_t i = 0; i < providers.size(); ++i) {
      if (providers[i].keys != nullptr) continue;
      http::Client* from = client.get();
      if (const std::string& ca = settings.jwt[i].ca_file; !ca.empty()) {
        ca_clients.push_back(http::MakeCurlClient({ca}));
        from = ca_clients.back().get();
      }
      auto source = std::make_shared<identity::UrlKeySource>(*from, log, settings.jwt[i].location);
      providers[i].keys = source;
      url_keys.push_back(std::move(source));
    }
    return providers;
  }
  // A bad new list is refused and the old one stays.
  void WatchDenyList(std::string known, telemetry::Log& log) {
    if (settings.deny_file.empty()) return;
    const auto refused = [&log, path = settings.deny_file](const std::string& why) {
      log.Write(telemetry::Severity::kError, "deny_list_refused",
                {{"file", path}, {"why", why}, {"kept", "the last good one"}});
    };
    watcher.Watch(
        settings.deny_file, std::move(known),
        [this, &log, refused](const std::string& text) {
          auto list = ReadDenyList(settings.deny_file, text);
          if (!list.ok()) return refused(std::string(FromAbsl(list.status().message())));
          const size_t entries = list->size();
          denied.Set(*std::move(list));
          log.Write(telemetry::Severity::kInfo, "deny_list_loaded", {{"entries", entries}});
        },
        [refused] { refused("it cannot be read"); });
  }
  static std::string Address(const Listener& listener) {
    const bool v6 = listener.host.find(':') != std::string::npos;
    return (v6 ? "[" + listener.host + "]" : listener.host) + ":" + std::to_string(listener.port);
  }

  const Settings settings;
  const std::unique_ptr<aliyun::CredentialSource> own_key;
  std::unique_ptr<http::Client> client;
  // For providers with an authority of their own.
  std::vector<std::unique_ptr<http::Client>> ca_clients;
  std::vector<std::shared_ptr<identity::UrlKeySource>> url_keys;
  const identity::Authenticator authenticator;
  const Grants grants;
  const std::unique_ptr<Audit> audit;
  AliyunSts sts;
  Issuer issuer;
  SigningSessions sessions;
  Presigner presigner;
  CurrentDenyList denied;
  Api api;
  HttpEdge http_edge;
  AdminEdge admin_edge;
  rpc::GrpcServer grpc;
  GrpcEdge grpc_edge;
  std::unique_ptr<http::Server> http;
  std::unique_ptr<http::Server> admin;
  FileWatcher watcher;
};

namespace {

// As configured; in development else the listener's own address, where it has one.
std::string PublicUrl(const Settings& settings, uint16_t port) {
  const std::string& host = settings.http.host;
  if (!settings.public_url.empty() || !settings.development || host == "0.0.0.0" || host == "::")
    return settings.public_url;
  return std::string(settings.http.tls ? "https://" : "http://") +
         (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

// A provider per setting; those with a URL get their keys later.
absl::StatusOr<std::vector<identity::JwtProvider>> LoadProviders(const Settings& settings) {
  std::vector<identity::JwtProvider> out;
  for (const JwtProviderSettings& jwt : settings.jwt) {
    identity::JwtProvider provider{jwt.name, jwt.rules, nullptr};
    if (!jwt.jwks_file.empty()) {
      auto keys = identity::LoadKeyFile(jwt.jwks_file);
      if (!keys.ok())
        return Fail(keys.status().code(), Reason(keys.status()),
                    "jwks_file " + jwt.jwks_file + ": " + std::string(FromAbsl(keys.status().message())));
      provider.keys = *std::move(keys);
    }
    out.push_back(std::move(provider));
  }
  return out;
}

}  // namespace

Broker::Broker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Broker::~Broker() {
  Stop(std::chrono::milliseconds(0));
  parts_->watcher.Stop();
  // Calls to STS may still be under way for HTTP callers whose connections were closed. The client ends them
  // while everything that they touch is alive.
  for (const auto& source : parts_->url_keys) source->Stop();
  parts_->client.reset();
}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(Settings settings,
                                                      std::unique_ptr<aliyun::CredentialSource> own,
                                                      const Clock& clock, telemetry::Log& log) {
  if (const auto key = own->Current()) RETURN_IF_ERROR(CheckOwnKey(key->access_key_id, settings.development));
  ASSIGN_OR_RETURN(auto providers, LoadProviders(settings));
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
  auto client = http::MakeCurlClient({});
  std::unique_ptr<Broker> out(new Broker(std::make_unique<Parts>(std::move(settings), std::move(own), clock,
                                                                 log, std::move(providers), std::move(client),
                                                                 std::move(audit), std::move(credentials))));
  Parts& parts = *out->parts_;
  parts.denied.Set(std::move(denied));
  parts.WatchDenyList(std::move(deny_text), log);
  RETURN_IF_ERROR(parts.grpc.Start());
  ASSIGN_OR_RETURN(parts.http, Listen(parts.settings.http, parts.http_edge));
  ASSIGN_OR_RETURN(parts.admin, Listen(parts.settings.admin, parts.admin_edge));
  parts.api.SetPublicUrl(PublicUrl(parts.settings, parts.http->port()));
  parts.admin_edge.SetReady(true);
  return out;
}

int Broker::grpc_port() const { return parts_->grpc.port(); }
int Broker::http_port() const { return parts_->http->port(); }
int Broker::admin_port() const { return parts_->admin->port(); }

void Broker::OnKeysFetched(absl::AnyInvocable<void()> done) {
  // Runs `done` when the last of those that wait for a fetch is gone.
  std::shared_ptr<void> all(nullptr, [done = std::move(done)](void*) mutable { done(); });
  for (const auto& source : parts_->url_keys) source->OnFirstFetch([all] {});
}

void Broker::Stop(std::chrono::milliseconds grace) {
  parts_->admin_edge.SetReady(false);
  const Deadline end = Deadline::After(grace);
  if (parts_->http) parts_->http->Stop(end.Left());
  parts_->grpc.Stop(end.Left());
  if (parts_->admin) parts_->admin->Stop(std::chrono::milliseconds(0));
}

}  // namespace sluice::broker
