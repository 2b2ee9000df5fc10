// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>

namespace sluice::telemetry {
namespace {

using prometheus::MetricType;

[[noreturn]] void Misused(std::string_view name, const char* what) {
  std::fprintf(stderr, "sluice: a mistake of the program: metric %.*s: %s\n", static_cast<int>(name.size()),
               name.data(), what);
  std::abort();
}

bool IsName(std::string_view name) {
  return !name.empty() && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos &&
         !(name.front() >= '0' && name.front() <= '9');
}

// One line of a family, with whichever of the three counts it.
struct Series {
  Labels labels;
  std::unique_ptr<Counter> counter;
  std::unique_ptr<Histogram> histogram;
  std::function<double()> gauge;
  uint64_t id = 0;  // of a gauge
};

struct Family {
  std::string help;
  MetricType type = MetricType::Untyped;
  std::vector<double> bounds;
  std::vector<Series> series;
};

prometheus::ClientMetric::Histogram Cumulative(const Histogram& histogram) {
  const Histogram::Snapshot read = histogram.Read();
  prometheus::ClientMetric::Histogram out;
  for (size_t i = 0; i < read.counts.size(); ++i) {
    out.sample_count += read.counts[i];
    out.bucket.push_back(
        {out.sample_count, i < histogram.bounds().size() ? histogram.bounds()[i] : INFINITY});
  }
  out.sample_sum = read.sum;
  return out;
}

// Nothing for a gauge that has no value now.
std::optional<prometheus::ClientMetric> Exported(const Series& series) {
  prometheus::ClientMetric out;
  for (const auto& [name, value] : series.labels) out.label.push_back({name, value});
  if (series.counter) out.counter.value = static_cast<double>(series.counter->value());
  if (series.histogram) out.histogram = Cumulative(*series.histogram);
  if (series.gauge) {
    out.gauge.value = series.gauge();
    if (std::isnan(out.gauge.value)) return std::nullopt;
  }
  return out;
}

}  // namespace

// The library's own metrics lock (histograms) or retry (counters); ours do not, and meet it only here, where
// they become text.
struct Metrics::State {
  mutable std::mutex mutex;
  // Both guarded by mutex. What Series points to does not move.
  std::map<std::string, Family, std::less<>> families;
  uint64_t last_id = 0;

  // Judges a series and gives it its place. Requires the lock.
  Series& AddLocked(std::string_view name, std::string_view help, MetricType type,
                    const std::vector<double>& bounds, Labels labels) {
    if (!name.starts_with("sluice_") || !IsName(name)) Misused(name, "the name is not sluice_[a-z0-9_]*");
    if (help.empty() || help.find_first_of("\\\n") != help.npos) Misused(name, "the help is not one line");
    for (const auto& [label, value] : labels) {
      if (!IsName(label) || label == "le" || label.starts_with("__"))
        Misused(name, "a label's name is not usable");
    }
    const auto [at, fresh] = families.try_emplace(std::string(name));
    Family& family = at->second;
    if (fresh) family = {std::string(help), type, bounds, {}};
    if (family.type != type || family.help != help || family.bounds != bounds)
      Misused(name, "added before with another kind, help or bounds");
    const bool known = std::any_of(family.series.begin(), family.series.end(),
                                   [&](const Series& other) { return other.labels == labels; });
    if (known && type != MetricType::Gauge) Misused(name, "the same labels were added before");
    family.series.emplace_back().labels = std::move(labels);
    return family.series.back();
  }

  void RemoveGauge(const std::string& name, uint64_t id) {
    std::function<double()> dropped;  // what it holds goes outside the lock
    std::lock_guard lock(mutex);
    const auto family = families.find(name);
    const auto found = std::find_if(family->second.series.begin(), family->second.series.end(),
                                    [&](const Series& series) { return series.id == id; });
    dropped = std::move(found->gauge);
    family->second.series.erase(found);
    if (family->second.series.empty()) families.erase(family);
  }
};

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(new std::atomic<uint64_t>[bounds_.size() + 1]()) {}

void Histogram::Observe(double value) noexcept {
  if (std::isnan(value)) return;
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::Read() const {
  Snapshot out;
  out.sum = sum_.load(std::memory_order_relaxed);
  for (size_t i = 0; i <= bounds_.size(); ++i)
    out.counts.push_back(counts_[i].load(std::memory_order_relaxed));
  return out;
}

Metrics::Metrics() : state_(std::make_shared<State>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::AddCounter(std::string_view name, std::string_view help, Labels labels) {
  if (!name.ends_with("_total")) Misused(name, "a counter's name ends in _total");
  std::lock_guard lock(state_->mutex);
  Series& series = state_->AddLocked(name, help, MetricType::Counter, {}, std::move(labels));
  series.counter = std::make_unique<Counter>();
  return *series.counter;
}

Histogram& Metrics::AddHistogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                                 Labels labels) {
  const bool ascend =
      std::adjacent_find(bounds.begin(), bounds.end(), std::greater_equal<>()) == bounds.end();
  if (bounds.empty() || !ascend || !std::isfinite(bounds.front()) || !std::isfinite(bounds.back()))
    Misused(name, "its bounds do not ascend");
  std::lock_guard lock(state_->mutex);
  Series& series = state_->AddLocked(name, help, MetricType::Histogram, bounds, std::move(labels));
  series.histogram = std::make_unique<Histogram>(std::move(bounds));
  return *series.histogram;
}

Gauge Metrics::AddGauge(std::string_view name, std::string_view help, Labels labels,
                        std::function<double()> value) {
  std::lock_guard lock(state_->mutex);
  Series& series = state_->AddLocked(name, help, MetricType::Gauge, {}, std::move(labels));
  series.gauge = std::move(value);
  series.id = ++state_->last_id;
  return Gauge([state = state_, name = std::string(name), id = series.id] { state->RemoveGauge(name, id); });
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> out;
  {
    std::lock_guard lock(state_->mutex);
    for (const auto& [name, family] : state_->families) {
      prometheus::MetricFamily exported{name, family.help, family.type, {}};
      for (auto series = family.series.begin(); series != family.series.end(); ++series) {
        const bool replaced = family.type == MetricType::Gauge &&
                              std::any_of(series + 1, family.series.end(), [&](const Series& later) {
                                return later.labels == series->labels;
                              });
        if (replaced) continue;
        if (auto metric = Exported(*series)) exported.metric.push_back(*std::move(metric));
      }
      if (!exported.metric.empty()) out.push_back(std::move(exported));
    }
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, out);
  return std::move(text).str();
}

}  // namespace sluice::telemetry
