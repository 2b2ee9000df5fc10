// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/config.h"

#include <algorithm>
#include <thread>

#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"

namespace sluice::gateway {
namespace {

using config::v1::UploadGatewayConfig;

class Reader {
 public:
  Reader(const UploadGatewayConfig& config, const ConfigSource& source) : config_(config), source_(source) {}

  absl::StatusOr<Settings> Read() {
    out_.development = config_.development();
    ASSIGN_OR_RETURN(out_.grpc,
                     service::ReadListener(source_, "listen.grpc", config_.listen().grpc(), "0.0.0.0:50052"));
    ASSIGN_OR_RETURN(out_.http,
                     service::ReadListener(source_, "listen.http", config_.listen().http(), "0.0.0.0:8081"));
    ASSIGN_OR_RETURN(out_.page_origins,
                     service::ReadOrigins(source_, "http.cors", config_.http().cors(), out_.development));
    ASSIGN_OR_RETURN(out_.admin, service::ReadListener(source_, "listen.admin", config_.listen().admin(),
                                                       "127.0.0.1:9091"));
    const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
    ASSIGN_OR_RETURN(const uint32_t threads,
                     service::ReadCount(source_, "listen.grpc_threads", config_.listen().grpc_threads(),
                                        std::min(64u, cores), 64));
    out_.grpc_threads = static_cast<int>(threads);
    RETURN_IF_ERROR(ReadIdentity());
    RETURN_IF_ERROR(ReadBroker());
    RETURN_IF_ERROR(ReadKeys());
    RETURN_IF_ERROR(ReadLimits());
    out_.by_token = config_.oss().access() == config::v1::ACCESS_FORM_TOKEN;
    out_.oss_ca_file = config_.oss().ca_file();
    out_.audit_file = config_.audit().file();
    ASSIGN_OR_RETURN(out_.trusted_proxies, service::ReadProxies(source_, config_.trusted_proxies()));
    return std::move(out_);
  }

 private:
  absl::Status Error(const std::string& field, std::string_view what) const {
    return source_.Error(field, what);
  }

  absl::Status ReadIdentity() {
    for (int i = 0; i < config_.identity().providers_size(); ++i) {
      if (config_.identity().providers(i).has_certificate())
        return Error("identity.providers[" + std::to_string(i) + "].certificate",
                     "proves nothing to the broker behind this service; use jwt, or anonymous");
    }
    ASSIGN_OR_RETURN(out_.identity,
                     service::ReadIdentity(source_, config_.identity(), out_.development, false));
    return absl::OkStatus();
  }

  absl::Status ReadBroker() {
    const auto& broker = config_.broker();
    if (!service::IsHost(broker.address()) || broker.address().find(':') == std::string::npos)
      return Error("broker.address", "must be host:port of the broker's gRPC listener");
    out_.broker = {broker.address(), broker.ca_file(), broker.cert_file(), broker.key_file(),
                   broker.server_name()};
    if (broker.cert_file().empty() != broker.key_file().empty())
      return Error("broker", "needs cert_file and key_file, or neither");
    if (broker.cert_file().empty() && !out_.development)
      return Error("broker.cert_file", "is needed: by its certificate the broker knows this gateway");
    return absl::OkStatus();
  }

  absl::Status ReadKeys() {
    std::vector<crypto::SealingKey> keys;
    for (int i = 0; i < config_.keys().upload_size(); ++i) {
      const auto& key = config_.keys().upload(i);
      std::string text = key.key();
      while (text.ends_with('\n') || text.ends_with(' ')) text.pop_back();
      auto bytes = crypto::Base64Decode(text);
      if (!bytes)
        return Error("keys.upload[" + std::to_string(i) + "].key",
                     "must be 32 bytes in base64: `openssl rand -base64 32`");
      keys.push_back({key.id(), SecretString(*std::move(bytes))});
    }
    out_.ephemeral_keys = keys.empty() && config_.keys().ephemeral_keys();
    if (out_.ephemeral_keys) {
      out_.ring = crypto::SealingRing::Ephemeral();
      return absl::OkStatus();
    }
    if (keys.empty())
      return Error("keys.upload",
                   "needs a key for upload ids; make one with `openssl rand -base64 32`, or, for one replica "
                   "alone, say ephemeral_keys: true");
    auto ring = crypto::SealingRing::Make(std::move(keys));
    if (!ring.ok()) return Error("keys.upload", FromAbsl(ring.status().message()));
    out_.ring = *std::move(ring);
    return absl::OkStatus();
  }

  absl::Status ReadLimits() {
    const auto& limits = config_.limits();
    if (limits.budget_bytes() != 0) out_.budget_bytes = limits.budget_bytes();
    if (out_.budget_bytes < (uint64_t{16} << 20) || out_.budget_bytes > (uint64_t{64} << 30))
      return Error("limits.budget_bytes", "must be 16MiB to 64GiB");
    ASSIGN_OR_RETURN(const uint32_t streams,
                     service::ReadCount(source_, "limits.streams", limits.streams(), 10'000, 1'000'000));
    out_.streams = streams;
    constexpr std::chrono::hours kHour{1};
    ASSIGN_OR_RETURN(out_.times.idle,
                     service::ReadSpan(source_, "limits.idle", limits.has_idle(), limits.idle(),
                                       out_.times.idle, std::chrono::seconds(5), kHour));
    ASSIGN_OR_RETURN(out_.times.life, service::ReadSpan(source_, "limits.stream_life",
                                                        limits.has_stream_life(), limits.stream_life(),
                                                        out_.times.life, std::chrono::minutes(1), kHour));
    const auto& drain = config_.drain();
    constexpr std::chrono::minutes kLongest{5};
    ASSIGN_OR_RETURN(out_.drain_wait, service::ReadSpan(source_, "drain.wait", drain.has_wait(), drain.wait(),
                                                        out_.drain_wait, std::chrono::seconds(0), kLongest));
    ASSIGN_OR_RETURN(out_.drain_grace,
                     service::ReadSpan(source_, "drain.grace", drain.has_grace(), drain.grace(),
                                       out_.drain_grace, std::chrono::seconds(0), kLongest));
    return absl::OkStatus();
  }

  const UploadGatewayConfig& config_;
  const ConfigSource& source_;
  Settings out_;
};

}  // namespace

absl::StatusOr<Settings> ReadSettings(const UploadGatewayConfig& config, const ConfigSource& source) {
  return Reader(config, source).Read();
}

std::string DescribeSettings(const Settings& settings) {
  const auto listener = [](const service::Listener& of) {
    return service::AddressText(of) + (of.tls ? " (TLS)" : " (plaintext)");
  };
  std::string out = "listens on " + listener(settings.grpc) + ", HTTP (tus) " + listener(settings.http) +
                    ", admin " + service::AddressText(settings.admin) + "\n";
  out += "broker " + settings.broker.address +
         (settings.broker.cert_file.empty() ? ", in plaintext: it will not know this gateway\n"
                                            : ", as the name in " + settings.broker.cert_file + "\n");
  out += std::string("writes with ") +
         (settings.by_token ? "a token for each object" : "requests that the broker signs") + "\n";
  out += "lost answers: the broker's own --check says for each grant whether they can be settled by HEAD\n";
  out += "budget " + std::to_string(settings.budget_bytes >> 20) + " MiB, " +
         std::to_string(settings.streams) + " streams\n";
  if (settings.ephemeral_keys) out += "warning: ephemeral keys; uploads end with this process\n";
  return out;
}

}  // namespace sluice::gateway
