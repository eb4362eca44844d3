#include <gmock/gmock.h>

#include <algorithm>

#include "base/prng.h"
#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using Wait = Deadlock::Wait;

struct DeadlockSearch : testing::Test {
    Driver driver;
    const Machine& machine = driver.machine();
    SessionId one = driver.open(), two = driver.open(), three = driver.open();

    Outcome ask(SessionId session, const std::string& name, LockMode mode = LockMode::exclusive,
                std::uint64_t limit = 0) {
        return driver.outcome(AcquireLock{
            .name = name, .session = session, .wait = 10'000, .mode = mode, .limit = limit});
    }
    static bool queued(const Outcome& outcome) {
        return std::holds_alternative<LockQueued>(outcome);
    }
};

TEST_F(DeadlockSearch, FindsTwoThatWaitForEachOther) {
    driver.lock("a", one);
    driver.lock("b", two);
    driver.queue("b", one);
    const Revision before = machine.queue_length("a");

    const Outcome refused = ask(two, "a");

    EXPECT_EQ(refused, (Outcome{Deadlock{.cycle = {{two, "a"}, {one, "b"}}, .length = 2}}));
    EXPECT_EQ(machine.queue_length("a"), before);
    driver.run(ReleaseLock{.name = "b", .session = two});
    EXPECT_THAT(machine.held_by(one), ElementsAre("a", "b")) << "the others go on";
}

TEST_F(DeadlockSearch, IsNotMadeForWhoDoesNotWait) {
    driver.lock("a", one);
    driver.lock("b", two);
    driver.queue("b", one);

    EXPECT_EQ(driver.outcome(AcquireLock{.name = "a", .session = two}),
              (Outcome{LockHeld{.holder = one, .token = 4, .position = 1}}));
}

TEST_F(DeadlockSearch, FindsALongCycleAndTellsItsLengthAndItsBeginning) {
    constexpr std::size_t length = 40;
    std::vector<SessionId> sessions;
    for (std::size_t i = 0; i < length; ++i) {
        sessions.push_back(driver.open());
        driver.lock("l" + std::to_string(i), sessions[i]);
    }
    for (std::size_t i = 0; i + 1 < length; ++i) {
        driver.queue("l" + std::to_string(i + 1), sessions[i]);
    }

    const auto deadlock = std::get<Deadlock>(ask(sessions.back(), "l0"));

    EXPECT_EQ(deadlock.length, length);
    ASSERT_EQ(deadlock.cycle.size(), deadlock_cycle_max);
    EXPECT_EQ(deadlock.cycle[0], (Wait{sessions.back(), "l0"}));
    EXPECT_EQ(deadlock.cycle[2], (Wait{sessions[1], "l2"}));
}

TEST_F(DeadlockSearch, FindsAReaderAmongSeveral) {
    driver.share("a", one);
    driver.share("a", two);
    driver.lock("b", three);
    driver.queue("b", two);

    EXPECT_EQ(ask(three, "a"),
              (Outcome{Deadlock{.cycle = {{three, "a"}, {two, "b"}}, .length = 2}}))
        << "a writer needs every reader to go";
}

TEST_F(DeadlockSearch, FindsAReaderBehindAWriter) {
    driver.share("a", one);
    driver.lock("b", three);
    driver.queue("a", two);

    // Two waits for one to let go of "a", and nobody gets past two.
    driver.queue("b", one);
    EXPECT_EQ(ask(three, "a", LockMode::shared),
              (Outcome{Deadlock{.cycle = {{three, "a"}, {two, "a"}, {one, "b"}}, .length = 3}}));
}

TEST_F(DeadlockSearch, HasNothingAgainstReadersBehindReaders) {
    driver.lock("a", one);
    driver.queue_shared("a", two);
    driver.lock("b", three);
    driver.queue("b", two);

    EXPECT_TRUE(queued(ask(three, "a", LockMode::shared)));
}

TEST_F(DeadlockSearch, IsSureOfASemaphoreOnlyWhenAllItsHoldersAreStuck) {
    const SessionId other = driver.open();
    driver.share("s", one, 2);
    driver.share("s", two, 2);
    driver.lock("b", three);
    driver.queue("b", one);
    EXPECT_TRUE(queued(ask(three, "s", LockMode::shared, 2))) << "two may let go";
    driver.run(ReleaseLock{.name = "s", .session = three});

    driver.queue("b", two);
    const auto deadlock = std::get<Deadlock>(ask(three, "s", LockMode::shared, 2));
    EXPECT_EQ(deadlock.cycle.front(), (Wait{three, "s"}));
    EXPECT_EQ(deadlock.length, 2U);
    EXPECT_TRUE(queued(ask(other, "s", LockMode::shared, 2))) << "it waits, but is in no cycle";
}

// One and two wait for each other only through three; each edge alone is an "or".
TEST_F(DeadlockSearch, SeesACycleThatIsClosedByTheLastHolderOfASemaphore) {
    driver.share("s", one, 2);
    driver.share("s", two, 2);
    driver.lock("b", three);
    driver.lock("c", three);
    driver.queue("b", one);
    ASSERT_TRUE(queued(ask(three, "s", LockMode::shared, 2)));

    EXPECT_TRUE(std::holds_alternative<Deadlock>(ask(two, "c")));
}

TEST_F(DeadlockSearch, SeesThroughAcquiresOfSeveral) {
    driver.lock("a", one);
    driver.run(AcquireLocks{.session = two, .locks = {{"a"}, {"b"}}, .wait = 10'000});

    EXPECT_EQ(ask(one, "b"), (Outcome{Deadlock{.cycle = {{one, "b"}, {two, "a"}}, .length = 2}}))
        << "it is the other one's turn on b";
    EXPECT_TRUE(queued(ask(three, "b")));
}

TEST_F(DeadlockSearch, LooksAtEachOfTheLocksThatAreAskedForTogether) {
    driver.lock("a", one);
    driver.lock("b", two);
    driver.queue("a", two);

    const Outcome refused =
        driver.outcome(AcquireLocks{.session = one, .locks = {{"c"}, {"b"}}, .wait = 10'000});

    EXPECT_EQ(refused, (Outcome{Deadlock{.cycle = {{one, "b"}, {two, "a"}}, .length = 2}}));
}

TEST_F(DeadlockSearch, LetsWaitWhatItCannotSeeToTheEnd) {
    Driver small({.deadlock_steps = 3});
    const SessionId a = small.open(), b = small.open();
    small.lock("a", a);
    small.lock("b", b);
    small.queue("b", a);
    const AcquireLock closing{.name = "a", .session = b, .wait = 10'000};
    EXPECT_TRUE(queued(small.outcome(closing)));

    Driver enough({.deadlock_steps = 4});
    enough.open();
    enough.open();
    enough.lock("a", a);
    enough.lock("b", b);
    enough.queue("b", a);
    EXPECT_TRUE(std::holds_alternative<Deadlock>(enough.outcome(closing)));
}

// Whoever waits for nothing lets go of everything, again and again. True: in the end nobody waits.
bool comes_to_an_end(Machine state) {
    for (bool moved = true; moved;) {
        moved = false;
        std::vector<SessionId> sessions;
        for (const auto& [id, session] : state.sessions()) sessions.push_back(id);
        for (const SessionId id : sessions) {
            if (!state.waited_for_by(id).empty()) continue;
            state.apply(state.applied() + 1, {.command = EndSession{id}});
            moved = true;
        }
    }
    return state.waiters().empty();
}

struct RandomWaits : testing::TestWithParam<std::uint64_t> {
    Command command(const Machine& machine, Prng& prng) {
        const auto session = 1 + prng.below(5);
        const auto lock = [&] { return "l" + std::to_string(prng.below(5)); };
        const auto mode = [&](const std::string& name) {
            // The last is a semaphore, and is never taken alone.
            if (name == "l4") return LockMode::shared;
            return prng.chance(60) ? LockMode::exclusive : LockMode::shared;
        };
        const auto limit = [](const std::string& name) { return name == "l4" ? 2U : 0U; };
        const auto held = machine.held_by(session);
        if (!held.empty() && prng.chance(25)) {
            return ReleaseLock{.name = held[prng.below(held.size())], .session = session};
        }
        if (prng.chance(30)) {
            AcquireLocks several{.session = session, .locks = {}, .wait = 9};
            for (int i = 0; i < 5; ++i) {
                const std::string name = "l" + std::to_string(i);
                if (prng.chance(40)) several.locks.push_back({name, mode(name), limit(name)});
            }
            if (!several.locks.empty()) return several;
        }
        const std::string name = lock();
        return AcquireLock{
            .name = name, .session = session, .wait = 9, .mode = mode(name), .limit = limit(name)};
    }
};

// What is refused could not have come to an end, and what waits can.
TEST_P(RandomWaits, AreRefusedExactlyWhenTheyWouldNeverEnd) {
    Prng prng(GetParam());
    Driver driver;
    Limits blind;
    blind.deadlock_steps = 0;
    for (int i = 0; i < 5; ++i) driver.open();
    int refused = 0, waited = 0;
    for (int i = 0; i < 400; ++i) {
        const Command next = command(driver.machine(), prng);
        Machine unwatched = driver.restored(blind);

        const Outcome outcome = driver.outcome(next);

        if (std::holds_alternative<Deadlock>(outcome)) {
            const auto instead =
                unwatched.apply(unwatched.applied() + 1, {.stamp = driver.now(), .command = next});
            ASSERT_TRUE(std::holds_alternative<LockQueued>(instead.outcome));
            ASSERT_FALSE(comes_to_an_end(std::move(unwatched))) << "command " << i;
            ++refused;
        } else if (std::holds_alternative<LockQueued>(outcome)) {
            ASSERT_TRUE(comes_to_an_end(driver.restored())) << "command " << i;
            ++waited;
        }
    }
    EXPECT_GT(refused, 0);
    EXPECT_GT(waited, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomWaits, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace gavel::statemachine
