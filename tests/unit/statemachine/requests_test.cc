#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::IsEmpty;

constexpr std::uint64_t window = 8;

struct Request : testing::Test {
    Driver driver{{.request_window = window}};

    Applied put(RequestId request, const std::string& value = "") {
        Entry entry = put_entry("a", value);
        entry.request = request;
        return driver.run(entry);
    }
    std::uint64_t version() const {
        const auto value = driver.machine().key("a");
        return value ? value->version : 0;
    }
    void expect_refused(RequestId request) {
        const auto before = version();
        const Applied applied = put(request);
        EXPECT_EQ(applied.outcome, Outcome{RequestTooOld{}});
        EXPECT_FALSE(applied.repeated);
        EXPECT_THAT(applied.changed, IsEmpty());
        EXPECT_EQ(version(), before);
    }
    void expect_executed(RequestId request) {
        const auto before = version();
        const Applied applied = put(request);
        EXPECT_FALSE(applied.repeated);
        EXPECT_EQ(applied.request, request);
        EXPECT_EQ(version(), before + 1);
    }
};

TEST_F(Request, IsExecutedOnceAndAnsweredAlikeEachTime) {
    const Applied first = put({1, 1, 1}, "x");
    put({1, 1, 2}, "y");

    const Applied again = put({1, 1, 1}, "x");

    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.outcome, first.outcome);
    EXPECT_EQ(again.revision, first.revision);
    EXPECT_THAT(again.events, IsEmpty());
    EXPECT_THAT(again.changed, IsEmpty());
    EXPECT_EQ(driver.machine().key("a")->value, Bytes("y"));
}

TEST_F(Request, IsAnsweredAlikeAfterARestart) {
    const Applied first = put({1, 1, 1});
    driver.restart();

    const Applied again = put({1, 1, 1});

    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.outcome, first.outcome);
}

TEST_F(Request, IsExecutedInAnyOrderWithinTheWindow) {
    for (const std::uint64_t number : {5U, 8U, 3U, 1U, 7U, 2U}) expect_executed({1, 1, number});

    EXPECT_TRUE(put({1, 1, 3}).repeated);
    expect_executed({1, 1, 4});
}

TEST_F(Request, IsRefusedWhenTheWindowHasMovedPastIt) {
    expect_executed({1, 1, 1});
    expect_executed({1, 1, 20});

    expect_refused({1, 1, 1});
    expect_refused({1, 1, 20 - window});
    expect_executed({1, 1, 20 - window + 1});
}

TEST_F(Request, IsRefusedWhenItsWindowHasMovedOnEvenIfItWasNeverOverwritten) {
    expect_executed({1, 1, 3});
    expect_executed({1, 1, 3 + window + 1});

    expect_refused({1, 1, 3});
}

TEST_F(Request, OfAnOlderBootIsRefused) {
    expect_executed({1, 5, 100});
    expect_executed({1, 6, 1});

    expect_refused({1, 5, 100});
    expect_refused({1, 5, 101});
}

TEST_F(Request, OfANewBootFindsAnEmptyWindow) {
    for (std::uint64_t number = 1; number <= window; ++number) expect_executed({1, 5, number});

    for (std::uint64_t number = 1; number <= window; ++number) expect_executed({1, 6, number});
    driver.restart();

    EXPECT_TRUE(put({1, 6, 1}).repeated);
    expect_refused({1, 5, window + 1});
}

TEST_F(Request, IsItsMembersOwn) {
    expect_executed({1, 1, 50});
    expect_executed({2, 1, 50});
    expect_executed({2, 1, 49});
    EXPECT_TRUE(put({1, 1, 50}).repeated);
}

TEST_F(Request, WithoutAMemberIsExecutedEachTime) {
    expect_executed({});
    expect_executed({});
    expect_executed({0, 1, 1});
    expect_executed({0, 1, 1});
}

TEST_F(Request, IsRememberedWhenItWasRefusedToo) {
    Driver full{{.sessions = 0}};
    const Entry entry{.request = {1, 1, 1}, .command = OpenSession{}};
    const Applied first = full.run(entry);
    ASSERT_TRUE(std::holds_alternative<LimitReached>(first.outcome));

    const Applied again = full.run(entry);

    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.outcome, first.outcome);
}

TEST_F(Request, TakesABoundedNumberOfRows) {
    for (std::uint64_t number = 1; number <= 10 * window; ++number) put({1, 1, number});

    std::size_t rows = 0;
    for (const auto& [key, value] : driver.stored()) rows += key.table == Table::requests;
    EXPECT_EQ(rows, window);
}

}  // namespace
}  // namespace gavel::statemachine
