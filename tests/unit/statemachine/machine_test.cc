#include <gmock/gmock.h>

#include <functional>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::IsEmpty;

TEST(Machine, BeginsWithAnEpochThatGovernsFromTheFirstSlot) {
    const Machine machine({}, 64, {{.id = 2, .name = "n2"}, {.id = 1, .name = "n1"}});

    const Globals& globals = machine.globals();
    EXPECT_EQ(globals.applied, 0U);
    EXPECT_EQ(globals.alpha, 64U);
    ASSERT_EQ(globals.epochs.size(), 1U);
    EXPECT_EQ(globals.epochs[0],
              (Epoch{.number = 1,
                     .first_slot = 1,
                     .members = {{.id = 1, .name = "n1"}, {.id = 2, .name = "n2"}}}));
    EXPECT_THAT(machine.rows(), IsEmpty());
}

TEST(Machine, HasATimeThatNeverGoesBack) {
    Driver driver;
    driver.run(Entry{.stamp = 5'000, .command = OpenSession{}});
    driver.run(Entry{.stamp = 3'000, .command = OpenSession{}});

    EXPECT_EQ(driver.machine().globals().time, 5'000);
    EXPECT_EQ(driver.machine().session(2)->created_at, 5'000);
}

TEST(Machine, MovesOnlyItsSlotOnANoOp) {
    Driver driver;
    driver.put("a", "1");
    Globals before = driver.machine().globals();

    driver.noop();

    before.applied = 2;
    EXPECT_EQ(driver.machine().globals(), before);
}

TEST(Machine, RemembersTheLatestLeaderStart) {
    Driver driver;
    driver.noop();

    const Applied applied = driver.run(LeaderStart{3});

    EXPECT_EQ(applied.outcome, Outcome{Done{}});
    EXPECT_EQ(driver.machine().globals().leader_start, 2U);
    EXPECT_THAT(applied.changed, IsEmpty());
}

TEST(Machine, IsFoundedWhenTheFirstLeaderStartsAndNotAgain) {
    Driver driver;
    driver.run(Entry{.stamp = 5'000, .command = OpenSession{}});
    EXPECT_EQ(driver.machine().globals().founded_at, 0);
    driver.run(Entry{.stamp = 6'000, .command = LeaderStart{3}});
    driver.run(Entry{.stamp = 7'000, .command = LeaderStart{2}});

    EXPECT_EQ(driver.machine().globals().founded_at, 6'000);
    EXPECT_EQ(driver.restored().globals().founded_at, 6'000);
}

TEST(Machine, HasAHashOfItsRowsThatForgetsWhatIsGone) {
    Driver driver;
    const std::uint64_t empty = driver.machine().globals().rows_hash;
    driver = Driver({.history_changes = 0, .version_bytes = 0});
    driver.put("a", "1");
    EXPECT_NE(driver.machine().globals().rows_hash, empty);

    driver.run(DeleteKey{.key = "a"});

    EXPECT_EQ(driver.machine().globals().rows_hash, empty);
    EXPECT_NE(driver.machine().hash(), Driver{}.machine().hash());
}

TEST(Machine, HasAHashThatTellsDifferentStatesApart) {
    Driver one, other;
    one.put("a", "1");
    other.put("a", "2");
    EXPECT_NE(one.machine().hash(), other.machine().hash());

    Driver late, later;
    late.run(Entry{.stamp = 1, .command = LeaderStart{1}});
    later.run(Entry{.stamp = 2, .command = LeaderStart{1}});
    EXPECT_NE(late.machine().hash(), later.machine().hash());
}

TEST(Machine, IsNotRestoredFromRowsThatDifferFromTheirHash) {
    Driver driver;
    driver.put("a", "1");
    driver.put("b", "1");
    for (const auto& [dropped, value] : driver.stored()) {
        Machine machine(driver.machine().limits(), 8, {});
        for (const auto& [key, kept] : driver.stored()) {
            if (key != dropped) machine.load({key, kept});
        }
        EXPECT_FALSE(machine.finish_load(driver.machine().globals()));
    }
}

TEST(Machine, IsNotRestoredWhenARowStandsUnderAnotherKey) {
    Driver driver({.history_changes = 0});
    driver.put("a", "1");
    Machine machine(driver.machine().limits(), 8, {});

    machine.load({{Table::keys, "b"}, driver.machine().key("a")});

    EXPECT_FALSE(machine.finish_load(driver.machine().globals()));
}

TEST(Machine, IsNotRestoredWithEpochsThatCannotBe) {
    const Driver driver;
    const auto restored = [&](const std::function<void(Globals&)>& spoil) {
        Globals globals = driver.machine().globals();
        globals.applied = 4;
        globals.epochs = {{.number = 3, .first_slot = 5, .members = {{.id = 1}}},
                          {.number = 4, .first_slot = 12, .members = {{.id = 1}, {.id = 2}}}};
        globals.next_member = 3;
        spoil(globals);
        return Machine(driver.machine().limits(), 8, {}).finish_load(globals);
    };

    EXPECT_TRUE(restored([](Globals&) {}));
    EXPECT_FALSE(restored([](Globals& globals) { globals.epochs.clear(); }));
    EXPECT_FALSE(restored([](Globals& globals) { globals.epochs[0].first_slot = 6; }))
        << "none governs the next slot";
    EXPECT_FALSE(restored([](Globals& globals) { globals.epochs[1].first_slot = 5; }));
    EXPECT_FALSE(restored([](Globals& globals) { globals.epochs[1].number = 3; }));
    EXPECT_FALSE(restored([](Globals& globals) { globals.epochs[1].number = 5; }));
    EXPECT_FALSE(restored([](Globals& globals) { globals.epochs[1].first_slot = 13; }))
        << "beyond the window";
    EXPECT_FALSE(restored([](Globals& globals) { globals.next_member = 2; }));
}

TEST(Machine, IsRestoredFromRowsInAnyOrder) {
    Driver driver;
    const SessionId one = driver.open(), two = driver.open();
    driver.lock("x", one);
    driver.queue("x", two);
    driver.put("b", "1");
    driver.put("a", "1");
    Machine machine(driver.machine().limits(), 8, {});

    const auto& stored = driver.stored();
    for (auto row = stored.rbegin(); row != stored.rend(); ++row) {
        machine.load({row->first, row->second});
    }

    EXPECT_TRUE(machine.finish_load(driver.machine().globals()));
    machine.check_invariants();
    EXPECT_EQ(machine.hash(), driver.machine().hash());
    EXPECT_EQ(machine.position("x", two), 1U);
}

}  // namespace
}  // namespace gavel::statemachine
