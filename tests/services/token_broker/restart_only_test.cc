// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/restart_only.h"

#include <functional>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

TEST(CheckReplaceableTest, WhoMayAskAndHowMuchCanChange) {
  Settings running;
  Settings next;
  next.identity.anonymous = "nobody";
  next.sts_calls_per_second = 7;
  next.load.in_flight = 3;
  next.trusted_proxies = {*IpRange::Parse("10.0.0.0/8")};
  next.drain_wait = std::chrono::seconds(5);
  EXPECT_THAT(CheckReplaceable(running, running), IsOk());
  EXPECT_THAT(CheckReplaceable(running, next), IsOk());
}

TEST(CheckReplaceableTest, WhatWasOpenedAtStartCannotAndIsNamed) {
  const std::pair<const char*, std::function<void(Settings&)>> changes[] = {
      {"development", [](Settings& s) { s.development = true; }},
      {"listen.grpc", [](Settings& s) { s.grpc.port = 1; }},
      {"listen.http", [](Settings& s) { s.http.host = "::1"; }},
      {"listen.admin",
       [](Settings& s) {
         s.admin.tls = http::TlsFiles{"a", "b", ""};
       }},
      {"listen.grpc_queues", [](Settings& s) { s.grpc_queues = 9; }},
      {"sts.region", [](Settings& s) { s.sts_region = "x"; }},
      {"sts.endpoints", [](Settings& s) { s.sts_endpoints = {"https://x"}; }},
      {"sts.timeout", [](Settings& s) { s.sts_timeout = std::chrono::seconds(9); }},
      {"credentials.chain", [](Settings& s) { s.credential_chain = {"env"}; }},
      {"credentials.metadata_endpoint", [](Settings& s) { s.metadata_endpoint = "http://x"; }},
      {"audit.file", [](Settings& s) { s.audit_file = "x"; }},
      {"deny.file", [](Settings& s) { s.deny_file = "x"; }},
      {"http.real_status_codes", [](Settings& s) { s.real_status_codes = true; }},
      {"cache.max_bytes", [](Settings& s) { s.cache_bytes = 1; }}};
  for (const auto& [field, change] : changes) {
    Settings next;
    change(next);
    const absl::Status refused = CheckReplaceable(Settings(), next);
    EXPECT_THAT(refused, FailsWith(absl::StatusCode::kFailedPrecondition, "RESTART_NEEDED")) << field;
    EXPECT_EQ(Metadata(refused)["field"], field);
  }
}

}  // namespace
}  // namespace sluice::broker
