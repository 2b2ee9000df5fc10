// SPDX-License-Identifier: Apache-2.0
// The load of the upload gateway's benchmark: streams of objects against one target, one JSON line on
// standard output.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <random>

#include "common/base/file.h"
#include "common/base/text.h"
#include "tests/bench/cpu_time.h"
#include "tests/bench/uploads.h"

namespace sluice::bench {
namespace {

struct Flags {
  UploadSpec spec;
  std::string mode = "grpc";
  std::string jwts;
  uint64_t object_bytes = 64 << 20;
  uint64_t message_bytes = 1 << 20;
  double seconds = 2;
  std::vector<int> watched;
};

int Load(Flags flags) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (!flags.jwts.empty()) {
    for (const std::string& jwt : Split(ReadFile(flags.jwts, size_t{1} << 30).value_or(""), '\n')) {
      if (!jwt.empty()) flags.spec.bearers.push_back("Bearer " + jwt);
    }
    if (flags.spec.bearers.empty()) {
      std::cerr << "bench-upload-load: no JWT in " << flags.jwts << "\n";
      return 2;
    }
  }
  flags.spec.tag = "bench-" + std::to_string(std::random_device{}());
  const Payload payload(flags.object_bytes, flags.message_bytes);
  const auto uploads =
      flags.mode == "grpc" ? MakeGrpcUploads(flags.spec, payload) : MakeHttpUploads(flags.spec, payload);
  if (uploads == nullptr) return 2;

  UploadTally warm;
  uploads->Run(std::chrono::steady_clock::now(), warm);

  std::map<int, double> used;
  const auto read_cpu = [&](double sign) {
    for (const int process : flags.watched) used[process] += sign * CpuMicroseconds(process);
    used[getpid()] += sign * CpuMicroseconds(getpid());
  };
  UploadTally tally;
  read_cpu(-1);
  const Instant began = std::chrono::steady_clock::now();
  uploads->Run(
      began + std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(flags.seconds)),
      tally);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  read_cpu(1);

  boost::json::object watched;
  for (const int process : flags.watched) watched[std::to_string(process)] = used[process];
  boost::json::object errors;
  for (const auto* each : {&warm, &tally}) {
    for (const auto& [error, count] : each->errors)
      errors[error] = count + (errors.contains(error) ? errors[error].to_number<uint64_t>() : 0);
  }
  const uint64_t bytes = tally.objects * payload.object_bytes();
  const boost::json::object out{{"seconds", took.count()},
                                {"objects", tally.objects},
                                {"objects_with_warmup", tally.objects + warm.objects},
                                {"bytes", bytes},
                                {"gb_per_second", static_cast<double>(bytes) / 1e9 / took.count()},
                                {"failed", tally.failed + warm.failed},
                                {"errors", std::move(errors)},
                                {"durable", tally.durable.Json()},
                                {"client_cpu_us", used[getpid()]},
                                {"watched_cpu_us", std::move(watched)}};
  std::cout << boost::json::serialize(out) << std::endl;
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app("Streams of uploads against one target; prints one JSON line.");
  sluice::bench::Flags flags;
  app.add_option("--target", flags.spec.target, "host:port")->required();
  app.add_option("--mode", flags.mode,
                 "grpc: sluice.upload.v1.UploadGateway; http-put: plain PUT of the same bytes")
      ->check(CLI::IsMember({"grpc", "http-put"}))
      ->capture_default_str();
  app.add_option("--ca", flags.spec.ca_file,
                 "PEM of the authority behind its certificate; plaintext without it");
  app.add_option("--jwts", flags.jwts, "file of JWTs, one a line; streams take them in turn");
  app.add_option("--grant", flags.spec.grant, "name of the grant");
  app.add_option("--streams", flags.spec.streams, "uploads at the same time")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--channels", flags.spec.channels, "connections that they share; by HTTP each has its own")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--object-bytes", flags.object_bytes, "of each object")->capture_default_str();
  app.add_option("--message-bytes", flags.message_bytes, "of each message")
      ->check(CLI::Range(1, 4 << 20))
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds,
                 "until no stream begins another object; each uploads one before that")
      ->capture_default_str();
  app.add_option("--watch", flags.watched, "process id whose CPU is read; may be repeated");
  CLI11_PARSE(app, argc, argv);
  return sluice::bench::Load(std::move(flags));
}
