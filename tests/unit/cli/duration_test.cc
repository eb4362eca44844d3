#include "cli/duration.h"

#include <gtest/gtest.h>

namespace gavel::cli {
namespace {

using std::chrono::milliseconds;

TEST(Duration, IsReadInEveryUnitAndInSums) {
    EXPECT_EQ(*parse_duration("250ms"), milliseconds(250));
    EXPECT_EQ(*parse_duration("15s"), milliseconds(15'000));
    EXPECT_EQ(*parse_duration("2m"), milliseconds(120'000));
    EXPECT_EQ(*parse_duration("24h"), milliseconds(86'400'000));
    EXPECT_EQ(*parse_duration("1m30s"), milliseconds(90'000));
    EXPECT_EQ(*parse_duration("12.3s"), milliseconds(12'300));
    EXPECT_EQ(*parse_duration("0s"), milliseconds(0));
}

TEST(Duration, RefusesWhatHasNoUnitOrIsNoNumber) {
    for (const char* text :
         {"", "15", "s", "-1s", "1d", "1s ", " 1s", "1e3s", "nans", "infs", "1s2", "99999999h"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Duration, IsWrittenInTheLargestUnitThatLosesNothing) {
    EXPECT_EQ(format_duration(milliseconds(15'000)), "15s");
    EXPECT_EQ(format_duration(milliseconds(1'500)), "1500ms");
    EXPECT_EQ(format_duration(milliseconds(120'000)), "2m");
    EXPECT_EQ(format_duration(milliseconds(90'000)), "90s");
    EXPECT_EQ(format_duration(milliseconds(7'200'000)), "2h");
    EXPECT_EQ(format_duration(milliseconds(0)), "0ms");
}

}  // namespace
}  // namespace gavel::cli
