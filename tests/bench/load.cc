// SPDX-License-Identifier: Apache-2.0
// The load of the benchmarks: lanes of callers against one gRPC target, one JSON line on standard output.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <random>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "sluice/token/v1/token_broker.pb.h"
#include "tests/bench/cpu_time.h"
#include "tests/bench/lane.h"

namespace sluice::bench {
namespace {

struct Flags {
  std::string target;
  std::string ca;
  std::string jwts;
  std::vector<std::string> lanes;
  std::string answer;
  double seconds = 2;
  double warmup = 0.5;
  double deadline = 5;
  double patience = 90;
  unsigned connections = 1;
  int watch = 0;
  bool timeline = false;
};

Instant::duration Span(double seconds) {
  return std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(seconds));
}

int Complain(const std::string& what) {
  std::cerr << "bench-load: " << what << "\n";
  return 2;
}

// Asks once and keeps the answer's bytes, for the echo server to give back.
int SaveAnswer(const Flags& flags, Calls& calls, const RunSpec& run) {
  Tally tally;
  token::v1::IssueTokenRequest request;
  request.set_grant("photos");
  request.set_path("albums/");
  const grpc::Slice slice(request.SerializeAsString());
  const grpc::ByteBuffer bytes(&slice, 1);
  std::string answer;
  std::string error = "no answer";
  calls.Start("/sluice.token.v1.TokenBroker/IssueToken", bytes, run.bearers.front(), run.deadline,
              [&](const Outcome& outcome) {
                error = outcome.error;
                grpc::Slice whole;
                if (outcome.ok && outcome.answer.DumpToSingleSlice(&whole).ok())
                  answer.assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
              });
  calls.Run(std::chrono::steady_clock::now() + std::chrono::seconds(20));
  if (answer.empty()) return Complain("IssueToken failed: " + error);
  if (!WriteFileWhole(flags.answer, answer)) return Complain("cannot write " + flags.answer);
  std::cout << "{\"answer_bytes\":" << answer.size() << ",\"request_bytes\":" << slice.size()
            << ",\"bearer_bytes\":" << run.bearers.front().size() << "}" << std::endl;
  return 0;
}

int Load(const Flags& flags) {
  std::vector<LaneSpec> specs;
  for (const std::string& text : flags.lanes) {
    auto spec = ParseLaneSpec(text);
    if (!spec.ok()) return Complain(std::string(FromAbsl(spec.status().message())));
    specs.push_back(*std::move(spec));
  }
  std::vector<std::string> bearers;
  for (const std::string& jwt : Split(ReadFile(flags.jwts, size_t{1} << 30).value_or(""), '\n')) {
    if (!jwt.empty()) bearers.push_back("Bearer " + jwt);
  }
  if (bearers.empty()) return Complain("no JWT in " + flags.jwts);
  for (const LaneSpec& spec : specs) {
    if (bearers.size() - std::min<size_t>(spec.first, bearers.size()) < spec.users)
      return Complain(flags.jwts + " has too few JWTs for " + spec.name);
  }

  std::string ca;
  if (!flags.ca.empty() && (ca = ReadFile(flags.ca).value_or("")).empty())
    return Complain("cannot read " + flags.ca);
  Calls calls(flags.target, ca, flags.connections);
  if (!calls.Connect()) return Complain(flags.target + " cannot be reached");
  RunSpec run{bearers,
              {},
              {},
              {},
              std::chrono::milliseconds(static_cast<int64_t>(flags.deadline * 1e3)),
              std::chrono::milliseconds(static_cast<int64_t>(flags.patience * 1e3)),
              std::to_string(std::random_device{}())};
  if (!flags.answer.empty()) return SaveAnswer(flags, calls, run);

  std::vector<std::unique_ptr<Lane>> lanes;
  Tally primed;
  for (const LaneSpec& spec : specs) {
    lanes.push_back(std::make_unique<Lane>(spec, calls));
    if (!spec.prime) continue;
    lanes.back()->Prime(run, primed);
    calls.Run(std::chrono::steady_clock::now() + Span(flags.patience));
  }

  run.begin = std::chrono::steady_clock::now();
  run.measure = run.begin + Span(flags.warmup);
  run.end = run.measure + Span(flags.seconds);
  double server = 0;
  double client = 0;
  const auto read_cpu = [&](double sign) {
    if (flags.watch != 0) server += sign * CpuMicroseconds(flags.watch);
    client += sign * CpuMicroseconds(getpid());
  };
  // Open lanes and bursts count from the beginning.
  calls.At(run.measure, [&] { read_cpu(-1); });
  calls.At(run.end, [&] { read_cpu(1); });
  for (const auto& lane : lanes) lane->Begin(run);
  const bool finished = calls.Run(run.end + Span(flags.patience + flags.deadline));

  boost::json::object by_name;
  for (const auto& lane : lanes) by_name[lane->spec().name] = lane->tally().Json(flags.timeline);
  const boost::json::object out{{"seconds", flags.seconds},     {"finished", finished},
                                {"server_cpu_us", server},      {"client_cpu_us", client},
                                {"primed", primed.Json(false)}, {"lanes", std::move(by_name)}};
  std::cout << boost::json::serialize(out) << std::endl;
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app("Lanes of callers against one gRPC target; prints one JSON line.");
  sluice::bench::Flags flags;
  app.add_option("--target", flags.target, "host:port")->required();
  app.add_option("--ca", flags.ca, "PEM of the authority behind its certificate; plaintext without it");
  app.add_option("--jwts", flags.jwts, "file of JWTs, one a line, each of another subject")->required();
  app.add_option("--lane", flags.lanes, "kind=closed|open|burst,name=..; see lane_spec.h; may be repeated");
  app.add_option("--seconds", flags.seconds, "how long is measured")->capture_default_str();
  app.add_option("--warmup", flags.warmup, "seconds before that")->capture_default_str();
  app.add_option("--deadline", flags.deadline, "seconds, of each request")->capture_default_str();
  app.add_option("--patience", flags.patience, "seconds until a user gives up")->capture_default_str();
  app.add_option("--connections", flags.connections, "spreads the calls")->capture_default_str();
  app.add_option("--watch", flags.watch, "process id whose CPU is read");
  app.add_flag("--timeline", flags.timeline, "what became of callers in each tenth of a second");
  app.add_option("--save-answer", flags.answer, "ask for one token and write the answer's bytes there");
  CLI11_PARSE(app, argc, argv);
  return sluice::bench::Load(flags);
}
