// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/admin_endpoint.h"

#include <charconv>

#include "common/base/iso_time.h"
#include "common/http/target.h"
#include "services/sandbox/collected.h"

namespace sluice::sandbox {
namespace {

// `90s`, `55m`, `2h`; at most a year.
std::optional<std::chrono::seconds> ParseSpan(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const int64_t unit = text.back() == 's' ? 1 : text.back() == 'm' ? 60 : text.back() == 'h' ? 3600 : 0;
  text.remove_suffix(1);
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (unit == 0 || error != std::errc() || end != text.data() + text.size() || count < 0 ||
      count > 366 * 86400 / unit)
    return std::nullopt;
  return std::chrono::seconds(count * unit);
}

}  // namespace

std::unique_ptr<http::Exchange> AdminEndpoint::Start(http::RequestHead head) {
  return Collect([this, head = std::move(head)](std::string) { return Serve(head); });
}

http::Answer AdminEndpoint::Serve(const http::RequestHead& head) {
  const auto target = http::ParseTarget(head.target);
  if (target && target->path == "/healthz" && head.method == "GET") return {200, {}, "ok\n", nullptr};
  if (!target || target->path != "/clock" || (head.method != "GET" && head.method != "POST")) {
    return {404, {}, "GET /healthz, GET /clock, POST /clock?advance=55m\n", nullptr};
  }
  if (head.method == "POST") {
    const auto span = ParseSpan(target->Find("advance").value_or(""));
    if (!span) return {400, {}, "advance is a number with s, m or h, for example 55m\n", nullptr};
    clock_.Advance(*span);
  }
  return {200, {}, IsoExtended(clock_.Now()) + "\n", nullptr};
}

}  // namespace sluice::sandbox
