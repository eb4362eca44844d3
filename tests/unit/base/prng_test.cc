#include "base/prng.h"

#include <gtest/gtest.h>

#include <vector>

namespace gavel {
namespace {

// The reference implementation's first numbers: a seed must mean the same run everywhere.
TEST(Prng, GivesTheNumbersOfSplitMix64) {
    Prng prng(1234567);

    EXPECT_EQ(prng.next(), 6457827717110365317ULL);
    EXPECT_EQ(prng.next(), 3203168211198807973ULL);
    EXPECT_EQ(prng.next(), 9817491932198370423ULL);
}

TEST(Prng, StaysInItsBounds) {
    Prng prng(1);
    std::vector<int> seen(5);
    for (int i = 0; i < 1'000; ++i) {
        ASSERT_LT(prng.below(7), 7U);
        const auto number = prng.between(3, 7);
        ASSERT_GE(number, 3U);
        ASSERT_LE(number, 7U);
        ++seen[number - 3];
    }
    for (const int times : seen) EXPECT_GT(times, 100) << "every number of the range comes";
    EXPECT_EQ(prng.below(0), 0U);
    EXPECT_EQ(prng.between(9, 9), 9U);
}

TEST(Prng, TakesAChanceAsOftenAsAsked) {
    Prng prng(1);
    int hits = 0;
    for (int i = 0; i < 10'000; ++i) hits += prng.chance(30) ? 1 : 0;

    EXPECT_NEAR(hits, 3'000, 200);
    EXPECT_FALSE(prng.chance(0));
    EXPECT_TRUE(prng.chance(100));
}

}  // namespace
}  // namespace gavel
