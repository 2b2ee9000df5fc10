// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/admin_endpoint.h"

#include "common/base/iso_time.h"
#include "common/base/units.h"
#include "common/http/target.h"
#include "services/sandbox/collected.h"

namespace sluice::sandbox {
std::unique_ptr<http::Exchange> AdminEndpoint::Start(http::RequestHead head) {
  return Collect([this, head = std::move(head)](std::string) { return Serve(head); });
}

http::Answer AdminEndpoint::Serve(const http::RequestHead& head) {
  const auto target = http::ParseTarget(head.target);
  if (target && target->path == "/healthz" && head.method == "GET") return {200, {}, "ok\n", nullptr};
  if (auto refused = password_.Refuse(head)) return *std::move(refused);
  if (!target || target->path != "/clock" || (head.method != "GET" && head.method != "POST")) {
    return {404, {}, "GET /healthz, GET /clock, POST /clock?advance=55m\n", nullptr};
  }
  if (head.method == "POST") {
    const auto span = ParseDuration(target->Find("advance").value_or(""));
    if (!span || *span > std::chrono::hours(24 * 366))
      return {400, {}, "advance is a duration such as 55m or 1h30m\n", nullptr};
    clock_.Advance(*span);
  }
  return {200, {}, IsoExtended(clock_.Now()) + "\n", nullptr};
}

}  // namespace sluice::sandbox
