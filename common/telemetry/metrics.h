// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Numbers for the operator, in the Prometheus text format. Names begin with `sluice_`; labels take values of
// a fixed set only, never a subject, a key or an address.
namespace sluice::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Counts what happened; never for what can become less. Thread-safe; one atomic addition.
class Counter {
 public:
  void Add(uint64_t by = 1) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<uint64_t> value_ = 0;  // a cache line each: busy counters do not slow one another
};

// Counts values by size. Thread-safe; no lock.
class Histogram {
 public:
  // `bounds` ascend; each is the largest value of its bucket, and one more takes what is larger.
  explicit Histogram(std::vector<double> bounds);
  // A value that is no number is left out.
  void Observe(double value) noexcept;

  struct Snapshot {
    // By bucket, not cumulative; one more than there are bounds.
    std::vector<uint64_t> counts;
    double sum = 0;
  };
  // What is observed meanwhile may be in the counts and not yet in the sum.
  Snapshot Read() const;
  const std::vector<double>& bounds() const { return bounds_; }

 private:
  const std::vector<double> bounds_;
  const std::unique_ptr<std::atomic<uint64_t>[]> counts_;
  std::atomic<double> sum_ = 0;
};

// Stands for a value that is asked for at each scrape. Destroying it takes the value out of the text and
// waits for a scrape that is asking right now: never under a lock that the function takes too.
class [[nodiscard]] Gauge {
 public:
  Gauge() = default;
  explicit Gauge(std::function<void()> remove) : remove_(std::move(remove)) {}
  ~Gauge() { Remove(); }
  Gauge(Gauge&& other) noexcept : remove_(std::exchange(other.remove_, nullptr)) {}
  Gauge& operator=(Gauge&& other) noexcept {
    if (this != &other) {
      Remove();
      remove_ = std::exchange(other.remove_, nullptr);
    }
    return *this;
  }

 private:
  void Remove() {
    if (auto remove = std::exchange(remove_, nullptr)) remove();
  }
  std::function<void()> remove_;
};

// All that one process counts. Thread-safe.
//
// Series are added once, at start, and held by reference; adding takes a lock, counting never does. The first
// series of a name fixes its kind, help and bounds. A bad name, another kind under a known name or the same
// labels twice is a mistake of the program, and ends it.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // What is returned lives as long as the Metrics.
  Counter& AddCounter(std::string_view name, std::string_view help, Labels labels = {});
  Histogram& AddHistogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                          Labels labels = {});
  // `value` is called at each scrape, one at a time, on the scraping thread; it must not block, and not use
  // this object. NaN leaves the series out. Where the same series is added again, as when a part is replaced
  // by its successor, the latest is asked. The gauge may outlive the Metrics.
  Gauge AddGauge(std::string_view name, std::string_view help, Labels labels, std::function<double()> value);

  // A scrape: all series, families by name.
  std::string Text() const;
  // The Content-Type of that text.
  static constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace sluice::telemetry
