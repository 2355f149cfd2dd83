#include "bots/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace orrery::bots {

using namespace std::chrono_literals;

TEST(HistogramTest, OfNothing) {
  const Histogram none;
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.quantile_ms(0.5), 0);
  EXPECT_EQ(none.max_ms(), 0);
}

TEST(HistogramTest, EndsOfItsRange) {
  Histogram few;
  few.add(-1s);
  EXPECT_EQ(few.quantile_ms(1), 0);
  few.add(24h * 365);
  EXPECT_GT(few.quantile_ms(1), 12 * 24 * 3600 * 1000.0);
  EXPECT_EQ(few.quantile_ms(0.5), 0);
}

// Against all values sorted: never below the true one, and above it by no more than a 32nd.
TEST(HistogramTest, IsAsGoodAsItSays) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponents(0, 10);  // 1 µs to 3 hours
  Histogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 100'000; ++i) {
    const auto us = std::chrono::microseconds(static_cast<std::int64_t>(std::pow(10.0, exponents(random))));
    histogram.add(us);
    values.push_back(static_cast<double>(us.count()) / 1000);
  }
  std::sort(values.begin(), values.end());
  for (const double part : {0.0001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999, 1.0}) {
    const double exact = values[static_cast<std::size_t>(std::ceil(part * 100'000)) - 1];
    EXPECT_GE(histogram.quantile_ms(part), exact) << part;
    EXPECT_LE(histogram.quantile_ms(part), exact * (1 + 1.0 / 32)) << part;
  }
  EXPECT_EQ(histogram.max_ms(), values.back());
}

}  // namespace orrery::bots
