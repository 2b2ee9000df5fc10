// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/metrics.h"

#include <cmath>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/scrape.h"

namespace sluice::telemetry {
namespace {

using sluice::testing::Scrape;

TEST(MetricsTest, ScrapeIsReadStrictlyAndHoldsWhatWasCounted) {
  Metrics metrics;
  metrics.AddCounter("sluice_calls_total", "Calls.", {{"method", "a"}}).Add();
  metrics.AddCounter("sluice_calls_total", "Calls.", {{"method", "b"}}).Add(41);
  metrics.AddCounter("sluice_idle_total", "Never.");
  auto& seconds = metrics.AddHistogram("sluice_seconds", "Time.", {0.25, 1}, {{"method", "a"}});
  for (const double value : {0.25, 0.5, 4.0}) seconds.Observe(value);
  const Gauge gauge = metrics.AddGauge("sluice_left", "Left.", {}, [] { return -1.5; });

  const Scrape scrape(metrics.Text());

  EXPECT_EQ(scrape.fault(), "");
  EXPECT_EQ(scrape.Value("sluice_calls_total{method=\"a\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_calls_total{method=\"b\"}"), 41);
  EXPECT_EQ(scrape.Value("sluice_idle_total"), 0);
  EXPECT_EQ(scrape.Value("sluice_seconds_bucket{method=\"a\",le=\"0.25\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_seconds_bucket{method=\"a\",le=\"1\"}"), 2);
  EXPECT_EQ(scrape.Value("sluice_seconds_bucket{method=\"a\",le=\"+Inf\"}"), 3);
  EXPECT_EQ(scrape.Value("sluice_seconds_count{method=\"a\"}"), 3);
  EXPECT_EQ(scrape.Value("sluice_seconds_sum{method=\"a\"}"), 4.75);
  EXPECT_EQ(scrape.Value("sluice_left"), -1.5);
}

TEST(MetricsTest, LabelsWithQuotesAndLinesStayOneSeries) {
  Metrics metrics;
  metrics.AddCounter("sluice_x_total", "X.", {{"a", "q\"b\\c\nd} 5"}}).Add(7);

  const Scrape scrape(metrics.Text());

  EXPECT_EQ(scrape.fault(), "");
  EXPECT_EQ(scrape.size(), 1u);
  EXPECT_EQ(scrape.Value(R"(sluice_x_total{a="q\"b\\c\nd} 5"})"), 7);
}

TEST(MetricsTest, WhatIsNoNumberIsNotObserved) {
  Histogram histogram({1});
  histogram.Observe(NAN);
  histogram.Observe(INFINITY);

  EXPECT_EQ(histogram.Read().counts, (std::vector<uint64_t>{0, 1}));
}

TEST(MetricsTest, GaugeIsAskedAtEachScrapeAndGoesWithItsOwner) {
  Metrics metrics;
  double value = 1;
  {
    const Gauge gauge = metrics.AddGauge("sluice_left", "Left.", {{"of", "x"}}, [&] { return value; });
    EXPECT_EQ(Scrape(metrics.Text()).Value("sluice_left{of=\"x\"}"), 1);
    value = 2;
    EXPECT_EQ(Scrape(metrics.Text()).Value("sluice_left{of=\"x\"}"), 2);
    value = NAN;
    EXPECT_EQ(metrics.Text(), "");
  }
  EXPECT_EQ(metrics.Text(), "");
}

TEST(MetricsTest, SuccessorOfAGaugeIsAskedAndOutlivesIt) {
  Metrics metrics;
  Gauge gauge = metrics.AddGauge("sluice_left", "Left.", {}, [] { return 1; });
  Gauge successor = metrics.AddGauge("sluice_left", "Left.", {}, [] { return 2; });
  const Scrape both(metrics.Text());
  EXPECT_EQ(both.fault(), "");
  EXPECT_EQ(both.Value("sluice_left"), 2);

  gauge = std::move(successor);

  EXPECT_EQ(Scrape(metrics.Text()).Value("sluice_left"), 2);
}

TEST(MetricsTest, GaugeMayOutliveTheMetrics) {
  Gauge gauge;
  {
    Metrics metrics;
    gauge = metrics.AddGauge("sluice_left", "Left.", {}, [] { return 1; });
  }
}

TEST(MetricsTest, NothingIsLostAmongThreadsAndScrapes) {
  constexpr int kThreads = 4;
  constexpr int kTimes = 20'000;
  Metrics metrics;
  auto& counter = metrics.AddCounter("sluice_x_total", "X.");
  auto& histogram = metrics.AddHistogram("sluice_seconds", "Time.", {1, 2, 3});
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < kTimes; ++n) {
        counter.Add();
        histogram.Observe(i + 1);
        if (n % 1000 == 0) (void)metrics.AddGauge("sluice_left", "Left.", {}, [] { return 1; });
      }
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Scrape(metrics.Text()).fault(), "");
  for (auto& thread : threads) thread.join();

  const Scrape scrape(metrics.Text());
  EXPECT_EQ(scrape.Value("sluice_x_total"), kThreads * kTimes);
  EXPECT_EQ(scrape.Value("sluice_seconds_count"), kThreads * kTimes);
  EXPECT_EQ(scrape.Value("sluice_seconds_sum"), (1 + 2 + 3 + 4) * kTimes);
}

TEST(MetricsDeathTest, MistakesOfTheProgramEndIt) {
  Metrics metrics;
  metrics.AddCounter("sluice_x_total", "X.");
  EXPECT_DEATH(metrics.AddCounter("sluice_x_total", "X."), "sluice_x_total: the same labels");
  EXPECT_DEATH(metrics.AddCounter("sluice_x_total", "Y.", {{"a", "b"}}), "another kind, help");
  EXPECT_DEATH(metrics.AddCounter("other_total", "X."), "other_total: the name");
  EXPECT_DEATH(metrics.AddCounter("sluice_x", "X."), "ends in _total");
  EXPECT_DEATH(metrics.AddCounter("sluice_y_total", "two\nlines"), "help");
  EXPECT_DEATH(metrics.AddCounter("sluice_y_total", "X.", {{"le", "1"}}), "label");
  EXPECT_DEATH(metrics.AddHistogram("sluice_h", "X.", {1, 1}), "ascend");
}

TEST(ScrapeTest, FaultsAreSeen) {
  for (const char* text : {
           "sluice_x 1\n",                                                       // no family
           "# HELP a x\n# TYPE a gauge\na 1",                                    // no end
           "# HELP a x\n# TYPE a gauge\na 1\na 2\n",                             // twice
           "# HELP a x\n# TYPE a gauge\na{b=\"\\q\"} 1\n",                       // escape
           "# HELP a x\n# TYPE a gauge\na{b=\"c\"d=\"e\"} 1\n",                  // comma
           "# HELP a x\n# TYPE a gauge\na one\n",                                // number
           "# HELP a x\n# TYPE a counter\na 1\n",                                // name
           "# HELP a x\n# TYPE a histogram\na_bucket{le=\"1\"} 1\na_count 1\n",  // no +Inf
           "# HELP a x\n# TYPE a histogram\na_sum 1\na_count 2\na_bucket{le=\"1\"} 3\na_bucket{le=\"+Inf\"} "
           "2\n",
       }) {
    EXPECT_NE(Scrape(text).fault(), "") << text;
  }
}

}  // namespace
}  // namespace sluice::telemetry
