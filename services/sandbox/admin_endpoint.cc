// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/admin_endpoint.h"

#include "boost/json.hpp"
#include "common/base/iso_time.h"
#include "common/base/text.h"
#include "common/base/units.h"
#include "services/sandbox/collected.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;

constexpr char kUsage[] =
    "GET /healthz\n"
    "GET /clock, POST /clock?advance=55m\n"
    "GET /faults, POST /faults?service=sts&kind=throttle&value=100[&count=N][&for=10s], DELETE /faults\n"
    "  of service=oss also [&operation=part][&key=TEXT]\n"
    "GET /stats[?key=OBJECT], DELETE /stats\n";

http::Answer Text(int status, std::string text) { return {status, {}, std::move(text), nullptr}; }
http::Answer Json(const json::value& body) {
  return {200, {{"Content-Type", "application/json"}}, json::serialize(body) + "\n", nullptr};
}

json::object Describe(const FaultScript::Line& line) {
  json::object out{{"service", line.order.service},
                   {"kind", std::string(FaultName(line.order.kind))},
                   {"value", line.order.value},
                   {"struck", line.struck},
                   {"armed", line.armed}};
  if (!line.order.operation.empty()) out["operation"] = line.order.operation;
  if (!line.order.key.empty()) out["key"] = line.order.key;
  if (line.order.count) out["count"] = *line.order.count;
  if (line.order.lasts) out["for_ms"] = line.order.lasts->count();
  return out;
}

}  // namespace

std::unique_ptr<http::Exchange> AdminEndpoint::Start(http::RequestHead head) {
  return Collect([this, head = std::move(head)](std::string) { return Serve(head); });
}

http::Answer AdminEndpoint::Serve(const http::RequestHead& head) {
  const auto target = http::ParseTarget(head.target);
  if (target && target->path == "/healthz" && head.method == "GET") return Text(200, "ok\n");
  if (auto refused = password_.Refuse(head)) return *std::move(refused);
  if (target && target->path == "/clock") return Clock(head.method, *target);
  if (target && target->path == "/faults") return Faults(head.method, *target);
  if (target && target->path == "/stats") return Stats(head.method, *target);
  return Text(404, kUsage);
}

http::Answer AdminEndpoint::Clock(const std::string& method, const http::Target& target) {
  if (method == "POST") {
    const auto span = ParseDuration(target.Find("advance").value_or(""));
    if (!span || *span > std::chrono::hours(24 * 366))
      return Text(400, "advance is a duration such as 55m or 1h30m\n");
    clock_.Advance(*span);
  } else if (method != "GET") {
    return Text(404, kUsage);
  }
  return Text(200, IsoExtended(clock_.Now()) + "\n");
}

http::Answer AdminEndpoint::Faults(const std::string& method, const http::Target& target) {
  if (method == "POST") {
    auto order = ParseFaultOrder(target.query);
    if (!order.ok()) return Text(400, std::string(FromAbsl(order.status().message())) + "\n");
    faults_.Arm(*std::move(order));
  } else if (method == "DELETE") {
    const auto service = target.Find("service");
    const auto name = target.Find("kind");
    const auto kind = FindFault(name.value_or(""));
    if (target.query.size() != (service ? 1u : 0u) + (name ? 1u : 0u) ||
        (service && !IsFaultService(*service)) || (name && !kind))
      return Text(400, "only service and kind, as they were armed, narrow what is cleared\n");
    return Json(json::object{{"cleared", faults_.Clear(service, kind)}});
  } else if (method != "GET") {
    return Text(404, kUsage);
  }
  json::array lines;
  for (const auto& line : faults_.List()) lines.push_back(Describe(line));
  return Json(json::object{{"faults", std::move(lines)}});
}

http::Answer AdminEndpoint::Stats(const std::string& method, const http::Target& target) {
  if (const auto key = target.Find("key"); key && method == "GET")
    return Json(json::object{{"oss", ToJson(oss_.ReadKey(std::string(*key)))}});
  if (method == "DELETE") {
    stats_.Reset();
    oss_.Reset();
  } else if (method != "GET") {
    return Text(404, kUsage);
  }
  const ObjectShelf::Sizes sizes = shelf_.sizes();
  return Json(json::object{{"sts", ToJson(stats_.Read())},
                           {"oss", ToJson(oss_.Read())},
                           {"objects", sizes.objects},
                           {"unfinished_uploads", sizes.uploads}});
}

}  // namespace sluice::sandbox
