#include "cli/percentiles.h"

#include <gtest/gtest.h>

#include "cli/bench.h"

namespace mlguard::cli {
namespace {

TEST(PercentilesTest, NearestRankIsARealSample) {
  std::vector<std::int64_t> hundred;
  for (std::int64_t i = 1; i <= 100; ++i) hundred.push_back(i);
  EXPECT_EQ(nearest_rank(hundred, 0.50), 50);
  EXPECT_EQ(nearest_rank(hundred, 0.95), 95);
  EXPECT_EQ(nearest_rank(hundred, 0.99), 99);
  EXPECT_EQ(nearest_rank(hundred, 0.999), 100);
  EXPECT_EQ(nearest_rank(hundred, 1.0), 100);
  EXPECT_EQ(nearest_rank({7}, 0.5), 7);
  EXPECT_EQ(nearest_rank({1, 2}, 0.5), 1);
}

TEST(PercentilesTest, OneThreadsSamplesAndAnothersMakeOneSummary) {
  Latencies a;
  Latencies b;
  for (std::int64_t i = 1; i <= 500; ++i) a.add_ns(i * 1'000);
  for (std::int64_t i = 501; i <= 1'000; ++i) b.add_ns(i * 1'000);
  b.merge(a);
  const LatencySummary summary = b.summarize();
  EXPECT_EQ(summary.count, 1'000U);
  EXPECT_DOUBLE_EQ(summary.p50_us, 500);
  EXPECT_DOUBLE_EQ(summary.p99_us, 990);
  EXPECT_DOUBLE_EQ(summary.p999_us, 999);
  EXPECT_DOUBLE_EQ(summary.max_us, 1'000);
  EXPECT_DOUBLE_EQ(summary.mean_us, 500.5);
}

TEST(PercentilesTest, WithoutSamplesEverythingIsZero) {
  Latencies none;
  EXPECT_EQ(none.summarize().count, 0U);
  EXPECT_DOUBLE_EQ(none.summarize().p50_us, 0);
}

TEST(PercentilesTest, BenchDocumentsHaveTheirSizeAndDiffer) {
  for (const std::size_t bytes : {32U, 256U, 4096U}) {
    EXPECT_EQ(bench_document(bytes, 1).size(), bytes);
    EXPECT_NE(bench_document(bytes, 1), bench_document(bytes, 2));
  }
}

TEST(PercentilesTest, TheReportSaysRateLatencyAndFailures) {
  BenchResult result;
  result.options.operation = "put";
  result.elapsed_s = 2;
  result.errors = 3;
  result.first_error = "the disk is full";
  result.latency.count = 20'000;
  result.latency.p50_us = 1'234;
  result.endpoint = "localhost:2379";
  EXPECT_DOUBLE_EQ(result.rate_per_s(), 10'000);
  const std::string text = bench_text(result);
  EXPECT_NE(text.find("10,000/s"), std::string::npos) << text;
  EXPECT_NE(text.find("3 failed"), std::string::npos) << text;
  EXPECT_NE(text.find("p50 1.23 ms"), std::string::npos) << text;
  EXPECT_NE(text.find("the disk is full"), std::string::npos) << text;
  const std::string json = bench_json(result);
  EXPECT_NE(json.find("\"rate_per_s\":10000.0"), std::string::npos) << json;
  EXPECT_NE(json.find("\"p50\":1234.0"), std::string::npos) << json;
}

}  // namespace
}  // namespace mlguard::cli
