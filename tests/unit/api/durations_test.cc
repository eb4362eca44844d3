#include "api/durations.h"

#include <gtest/gtest.h>

namespace gavel::api {
namespace {

using std::chrono::milliseconds;

TEST(Duration, IsANumberAndAUnit) {
    EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
    EXPECT_EQ(parse_duration("15s"), milliseconds(15'000));
    EXPECT_EQ(parse_duration("2m"), milliseconds(120'000));
    EXPECT_EQ(parse_duration("24h"), milliseconds(86'400'000));
    EXPECT_EQ(parse_duration("0s"), milliseconds(0));
    EXPECT_EQ(parse_duration("1.5s"), milliseconds(1'500));
    EXPECT_EQ(parse_duration("0.25m"), milliseconds(15'000));
    EXPECT_EQ(parse_duration("1000h"), milliseconds(3'600'000'000));
}

TEST(Duration, IsRefusedWhenItIsAnythingElse) {
    for (const auto* text :
         {"",     "s",     "15",      "15 s",         " 15s",        "15s ",  "-1s",
          "+1s",  "1.s",   ".5s",     "1.2345s",      "0.5ms",       "1d",    "1e3s",
          "0x1s", "1001h", "1000.1h", "99999999999s", "9999999999h", "1m30s", "1S"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(Duration, IsWrittenSoThatItReadsBackTheSame) {
    EXPECT_EQ(format_duration(milliseconds(0)), "0s");
    EXPECT_EQ(format_duration(milliseconds(250)), "250ms");
    EXPECT_EQ(format_duration(milliseconds(15'000)), "15s");
    EXPECT_EQ(format_duration(milliseconds(12'300)), "12.3s");
    EXPECT_EQ(format_duration(milliseconds(12'045)), "12.045s");
    for (const auto ms : {1, 999, 1'000, 1'001, 59'990, 86'400'000}) {
        EXPECT_EQ(parse_duration(format_duration(milliseconds(ms))), milliseconds(ms));
    }
}

TEST(Time, IsWrittenInUtcWithMilliseconds) {
    EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(format_time(1'709'210'096'007), "2024-02-29T12:34:56.007Z");
}

TEST(Time, IsWrittenForHttpAsRfc9110Says) {
    EXPECT_EQ(format_http_date(784'111'777'000), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(format_http_date(1'709'210'096'999), "Thu, 29 Feb 2024 12:34:56 GMT");
}

}  // namespace
}  // namespace gavel::api
