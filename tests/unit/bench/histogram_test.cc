#include "bench/histogram.h"

#include <gmock/gmock.h>

namespace gavel::bench {
namespace {

TEST(Histogram, IsExactForSmallDurations) {
    Histogram histogram;
    for (const std::int64_t ns : {0, 1, 2, 31, 32, 63}) histogram.record(ns);

    EXPECT_EQ(histogram.percentile_ns(0.0), 0);
    EXPECT_EQ(histogram.percentile_ns(0.5), 2);
    EXPECT_EQ(histogram.percentile_ns(1.0), 63);
    EXPECT_EQ(histogram.count(), 6U);
}

TEST(Histogram, IsRightToThreePercentAndNeverBelowTheTruth) {
    for (std::int64_t ns = 1; ns < std::int64_t{1} << 45; ns = ns * 17 / 16 + 1) {
        Histogram histogram;
        histogram.record(ns);
        histogram.record(std::int64_t{1} << 50);

        const std::int64_t median = histogram.percentile_ns(0.5);

        ASSERT_GE(median, ns);
        ASSERT_LE(median, ns + ns / 32 + 1);
    }
}

TEST(Histogram, GivesThePercentilesOfAnEvenSpread) {
    Histogram histogram;
    for (std::int64_t us = 1; us <= 1000; ++us) histogram.record(us * 1000);

    EXPECT_NEAR(static_cast<double>(histogram.percentile_ns(0.50)), 500'000, 16'000);
    EXPECT_NEAR(static_cast<double>(histogram.percentile_ns(0.99)), 990'000, 31'000);
    EXPECT_EQ(histogram.percentile_ns(1.0), 1'000'000);
    EXPECT_EQ(histogram.max_ns(), 1'000'000);
}

TEST(Histogram, AddsUpWhatThreadsMeasured) {
    Histogram first, second;
    first.record(10);
    second.record(20);
    second.record(30);

    first.add(second);

    EXPECT_EQ(first.count(), 3U);
    EXPECT_EQ(first.percentile_ns(0.5), 20);
    EXPECT_EQ(first.max_ns(), 30);
}

TEST(Histogram, OfNothingIsZero) { EXPECT_EQ(Histogram{}.percentile_ns(0.99), 0); }

}  // namespace
}  // namespace gavel::bench
