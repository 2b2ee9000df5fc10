// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/doctor_report.h"

#include <algorithm>

#include "boost/json.hpp"
#include "common/base/utf8.h"

namespace sluice::broker {
namespace {

std::string_view Word(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kBad:
      return "failed";
    case Verdict::kSkipped:
      break;
  }
  return "skipped";
}

// A line stays a line whatever a config or a server put into it.
std::string OneLine(const std::string& text) {
  std::string out = ToUtf8(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
  }
  return out;
}

std::string Padded(std::string_view word, size_t width) {
  std::string out(word);
  out.resize(std::max(width, out.size()), ' ');
  return out;
}

}  // namespace

bool IsHealthy(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& one) { return one.verdict == Verdict::kBad; });
}

std::string ReportText(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& one : findings) {
    out += Padded(Word(one.verdict), 8) + Padded(one.check, 11) +
           OneLine(one.about + (one.about.empty() ? "" : ": ") + one.says +
                   (one.mend.empty() ? "" : "; mend: " + one.mend)) +
           "\n";
  }
  out += std::to_string(findings.size()) + " checks";
  for (const Verdict verdict : {Verdict::kGood, Verdict::kWarning, Verdict::kBad, Verdict::kSkipped}) {
    const auto count = std::count_if(findings.begin(), findings.end(),
                                     [&](const Finding& one) { return one.verdict == verdict; });
    out +=
        (verdict == Verdict::kGood ? ": " : ", ") + std::to_string(count) + " " + std::string(Word(verdict));
  }
  return out + "\n";
}

std::string ReportJson(const std::vector<Finding>& findings) {
  boost::json::array lines;
  for (const Finding& one : findings) {
    lines.push_back({{"verdict", Word(one.verdict)},
                     {"check", one.check},
                     {"about", OneLine(one.about)},
                     {"says", OneLine(one.says)},
                     {"mend", OneLine(one.mend)}});
  }
  return boost::json::serialize(
             boost::json::object{{"healthy", IsHealthy(findings)}, {"findings", std::move(lines)}}) +
         "\n";
}

}  // namespace sluice::broker
