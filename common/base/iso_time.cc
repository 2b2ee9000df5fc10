// SPDX-License-Identifier: Apache-2.0
#include "common/base/iso_time.h"

#include <ctime>

namespace sluice {
namespace {

std::string Format(Time time, const char* pattern) {
  // strftime's names are English in the "C" locale, which these programs never leave.
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char out[64];
  return std::string(out, std::strftime(out, sizeof(out), pattern, &parts));
}

// strptime forgives; writing the result again and comparing does not.
std::optional<Time> Parse(std::string_view text, const char* pattern) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = strptime(copy.c_str(), pattern, &parts);
  if (end == nullptr || end != copy.c_str() + copy.size()) return std::nullopt;
  const std::time_t seconds = timegm(&parts);
  if (seconds < 0 || seconds > kLastSecond) return std::nullopt;
  const Time time = std::chrono::system_clock::from_time_t(seconds);
  if (Format(time, pattern) != text) return std::nullopt;
  return time;
}

// `2026-01-01T00:00:00`, without strftime, since every line of the audit has two; and since many lines are of
// the same second, kept by each thread.
const std::string& Extended(Time time) {
  thread_local std::chrono::sys_seconds kept{std::chrono::seconds(-1)};
  thread_local std::string out;
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  if (second == kept) return out;
  kept = second;
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(second - day);
  out = "0000-00-00T00:00:00";
  const auto put = [](size_t last, unsigned value) {
    for (; value > 0; value /= 10) out[last--] = static_cast<char>('0' + value % 10);
  };
  put(3, static_cast<unsigned>(static_cast<int>(date.year())));
  put(6, static_cast<unsigned>(date.month()));
  put(9, static_cast<unsigned>(date.day()));
  put(12, static_cast<unsigned>(clock.hours().count()));
  put(15, static_cast<unsigned>(clock.minutes().count()));
  put(18, static_cast<unsigned>(clock.seconds().count()));
  return out;
}

constexpr char kBasic[] = "%Y%m%dT%H%M%SZ";
constexpr char kExtended[] = "%Y-%m-%dT%H:%M:%SZ";
constexpr char kHttp[] = "%a, %d %b %Y %H:%M:%S GMT";

}  // namespace

std::string IsoBasic(Time time) { return Format(time, kBasic); }
std::string IsoExtended(Time time) { return Extended(time) + "Z"; }
std::string IsoZeroMillis(Time time) { return Extended(time) + ".000Z"; }
std::string IsoMillis(Time time) {
  std::string out;
  AppendIsoMillis(time, out);
  return out;
}
void AppendIsoMillis(Time time, std::string& out) {
  const auto past =
      std::chrono::floor<std::chrono::milliseconds>(time) - std::chrono::floor<std::chrono::seconds>(time);
  const auto millis = static_cast<unsigned>(past.count());
  out += Extended(time);
  out += '.';
  for (unsigned digit : {millis / 100, millis / 10 % 10, millis % 10}) out += static_cast<char>('0' + digit);
  out += 'Z';
}
std::string HttpDate(Time time) { return Format(time, kHttp); }
std::optional<Time> ParseIsoBasic(std::string_view text) { return Parse(text, kBasic); }
std::optional<Time> ParseIsoExtended(std::string_view text) { return Parse(text, kExtended); }
std::optional<Time> ParseHttpDate(std::string_view text) { return Parse(text, kHttp); }

}  // namespace sluice
