#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Revision> revisions(const Machine& machine, Revision since, std::size_t limit = 100) {
    std::vector<Revision> found;
    for (const auto& change : machine.history(since, limit)) found.push_back(change->revision);
    return found;
}

TEST(History, HasEachChangeOnceInOrder) {
    Driver driver;
    driver.put("a", "1");
    driver.noop();
    driver.open();
    driver.put("b", "1");
    driver.run(DeleteKey{.key = "a"});

    EXPECT_THAT(revisions(driver.machine(), 0), ElementsAre(1, 4, 5));
    EXPECT_THAT(revisions(driver.machine(), 1), ElementsAre(4, 5));
    EXPECT_THAT(revisions(driver.machine(), 0, 2), ElementsAre(1, 4));
    EXPECT_THAT(revisions(driver.machine(), 5), IsEmpty());
    EXPECT_EQ(driver.machine().globals().history_floor, 0U);
}

TEST(History, KeepsTheEventsOfARevisionTogether) {
    Driver driver;
    const SessionId one = driver.open(), two = driver.open();
    driver.lock("x", one);
    driver.queue("x", two);

    const Applied applied = driver.run(EndSession{one});

    const auto change = driver.machine().history(applied.revision - 1, 1).at(0);
    EXPECT_EQ(lines(change->events), lines(applied.events));
    EXPECT_EQ(change->at, driver.now());
    ASSERT_EQ(change->events.size(), 2U);
    for (const Event& event : change->events) EXPECT_EQ(event.revision, applied.revision);
    EXPECT_FALSE(change->events[0].last);
    EXPECT_TRUE(change->events[1].last);
}

TEST(History, SharesItsValuesWithTheState) {
    Driver driver;
    driver.put("a", "1");

    const auto change = driver.machine().history(0, 1).at(0);

    EXPECT_EQ(std::get<KeyPutEvent>(change->events.at(0).body).value, driver.machine().key("a"));
}

TEST(History, ForgetsTheOldestWhenThereAreTooMany) {
    Driver driver({.history_changes = 2});
    driver.put("a", "1");
    driver.put("a", "2");
    driver.noop();

    driver.put("a", "3");

    EXPECT_EQ(driver.machine().globals().history_floor, 1U);
    EXPECT_THAT(revisions(driver.machine(), 1), ElementsAre(2, 4));
    std::size_t rows = 0;
    for (const auto& [key, value] : driver.stored()) rows += key.table == Table::history;
    EXPECT_EQ(rows, 2U);
}

TEST(History, ForgetsTheOldestWhenTheyTakeTooMuchRoom) {
    Driver driver({.history_bytes = 3'000});
    driver.put("a", std::string(1'000, 'x'));
    driver.put("b", std::string(1'000, 'x'));

    driver.put("c", std::string(1'000, 'x'));
    EXPECT_THAT(revisions(driver.machine(), 0), ElementsAre(2, 3));
    EXPECT_EQ(driver.machine().globals().history_floor, 1U);

    driver.put("d", std::string(4'000, 'x'));
    EXPECT_THAT(revisions(driver.machine(), 0), IsEmpty());
    EXPECT_EQ(driver.machine().globals().history_floor, 4U);
    EXPECT_NE(driver.machine().key("d"), nullptr);
}

TEST(History, ForgetsTheSameAfterARestart) {
    const Limits limits{.history_changes = 5, .history_bytes = 3'000};
    Driver steady(limits), restarted(limits);
    for (int i = 0; i < 20; ++i) {
        const std::string value(static_cast<std::size_t>(i * 50), 'x');
        steady.put("a", value);
        restarted.put("a", value);
        restarted.restart();

        ASSERT_EQ(steady.machine().globals(), restarted.machine().globals());
        ASSERT_EQ(revisions(steady.machine(), 0), revisions(restarted.machine(), 0));
    }
}

}  // namespace
}  // namespace gavel::statemachine
