// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace sluice::testing {

// A scrape in the Prometheus text format, read strictly: whatever a scraper might refuse or misread is a
// fault.
class Scrape {
 public:
  explicit Scrape(std::string_view text) {
    while (fault_.empty() && !text.empty()) {
      const size_t end = text.find('\n');
      if (end == text.npos) {
        fault_ = "the last line has no end";
        break;
      }
      const std::string_view line = text.substr(0, end);
      if (const char* wrong = line.starts_with('#') ? Comment(line) : Sample(line))
        fault_ = wrong + (": " + std::string(line));
      text.remove_prefix(end + 1);
    }
    if (fault_.empty()) CheckHistograms();
  }

  // What is wrong with the text; empty when nothing is.
  const std::string& fault() const { return fault_; }
  // Of a series as written: `sluice_x_total{a="b"}`.
  std::optional<double> Value(std::string_view series) const {
    const auto found = values_.find(series);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  bool HasFamily(const std::string& name) const { return types_.contains(name); }
  size_t size() const { return values_.size(); }

 private:
  static bool IsName(std::string_view name, bool colon) {
    return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               (colon ? name.find(':') : name.npos);
  }

  const char* Comment(std::string_view line) {
    const bool help = line.starts_with("# HELP ");
    if (!help && !line.starts_with("# TYPE ")) return "neither HELP nor TYPE";
    line.remove_prefix(7);
    const size_t space = line.find(' ');
    if (space == line.npos) return "a comment without text";
    const std::string name(line.substr(0, space));
    const std::string_view rest = line.substr(space + 1);
    if (!IsName(name, true)) return "not a name";
    if (help) return helps_.insert(name).second ? nullptr : "two HELP";
    if (!helps_.contains(name)) return "TYPE before HELP";
    if (rest != "counter" && rest != "gauge" && rest != "histogram") return "an unknown type";
    family_ = name;
    return types_.emplace(name, rest).second ? nullptr : "two TYPE: a family in two places";
  }

  const char* Sample(std::string_view line) {
    const size_t name_end = line.find_first_of("{ ");
    if (name_end == line.npos) return "no value";
    const std::string name(line.substr(0, name_end));
    if (!IsName(name, true)) return "not a name";
    const std::string& type = types_[family_];
    if (type == "histogram") {
      if (name != family_ + "_bucket" && name != family_ + "_sum" && name != family_ + "_count")
        return "outside its family";
    } else if (name != family_) {
      return "outside its family";
    }
    if (type == "counter" && !name.ends_with("_total")) return "a counter not named _total";
    std::map<std::string, std::string> labels;
    size_t at = name_end;
    if (line[at] == '{') {
      ++at;
      while (true) {
        const size_t equals = line.find('=', at);
        if (equals == line.npos || line.substr(equals + 1, 1) != "\"") return "a label without a value";
        const std::string label(line.substr(at, equals - at));
        if (!IsName(label, false)) return "not a label's name";
        std::string value;
        for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
          if (line[at] == '\\') {
            ++at;
            if (at == line.size() || std::string_view("\\\"n").find(line[at]) == std::string_view::npos)
              return "an unknown escape";
            value += line[at] == 'n' ? '\n' : line[at];
          } else {
            value += line[at];
          }
        }
        if (!labels.emplace(label, value).second) return "a label twice";
        if (at + 1 >= line.size()) return "labels without an end";
        if (line[++at] == '}') break;
        if (line[at] != ',') return "no comma between labels";
        ++at;
      }
      ++at;
    }
    const std::string series(line.substr(0, at));
    if (line.substr(at, 1) != " ") return "no space before the value";
    const std::string number(line.substr(at + 1));
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || *end != '\0') return "not a number";
    if (type != "gauge" && !(value >= 0)) return "a count below zero";
    if (!values_.emplace(series, value).second) return "a series twice";
    if (type == "histogram") {
      const auto le = labels.extract("le");
      if ((name == family_ + "_bucket") != !le.empty()) return "le where it does not belong";
      std::string key = family_;
      for (const auto& [label, text] : labels) key += "\1" + label + "\2" + text;
      auto& histogram = histograms_[key];
      if (name.ends_with("_count")) histogram.count = value;
      if (name.ends_with("_sum")) histogram.has_sum = true;
      if (!le.empty() && !histogram.buckets.emplace(std::strtod(le.mapped().c_str(), nullptr), value).second)
        return "a bucket twice";
    }
    return nullptr;
  }

  void CheckHistograms() {
    for (const auto& [key, histogram] : histograms_) {
      double before = 0;
      for (const auto& [bound, count] : histogram.buckets) {
        if (count < before) fault_ = "buckets do not accumulate: " + key;
        before = count;
      }
      if (histogram.buckets.empty() || !std::isinf(histogram.buckets.rbegin()->first))
        fault_ = "no bucket for all: " + key;
      if (histogram.count != before || !histogram.has_sum) fault_ = "count and buckets differ: " + key;
    }
  }

  struct Buckets {
    std::map<double, double> buckets;
    double count = -1;
    bool has_sum = false;
  };
  std::string fault_;
  std::string family_;
  std::set<std::string> helps_;
  std::map<std::string, std::string> types_;
  std::map<std::string, double, std::less<>> values_;
  std::map<std::string, Buckets> histograms_;
};

}  // namespace sluice::testing
