#include "paxos/elector.h"

#include <gtest/gtest.h>

#include <set>

namespace gavel::paxos {
namespace {

constexpr std::uint64_t heartbeat = 100, timeout = 500;
constexpr Tick start{1'000};

Elector fresh(std::uint64_t seed = 1) { return {seed, heartbeat, timeout, start}; }

// Milliseconds until it stands.
std::uint64_t wait_of(const Elector& elector, Tick since) {
    Tick now = since;
    while (!elector.due(now)) now = now + 1;
    return now - since;
}

TEST(Elector, StandsWhenItHeardOfNoLeaderForARandomWhile) {
    std::set<std::uint64_t> waits;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        Elector elector = fresh(seed);
        elector.on_leader_heard(start);
        const std::uint64_t wait = wait_of(elector, start);
        EXPECT_GE(wait, timeout);
        EXPECT_LE(wait, 2 * timeout);
        waits.insert(wait);
    }
    EXPECT_GT(waits.size(), 10U);
}

TEST(Elector, SticksToALeaderHeardLately) {
    Elector elector = fresh();
    EXPECT_TRUE(elector.would_promise(start));

    elector.on_leader_heard(start);

    EXPECT_FALSE(elector.would_promise(start + (timeout - 1)));
    EXPECT_TRUE(elector.would_promise(start + timeout));
}

TEST(Elector, SticksToNobodyWhoHasOnlyBeenPromisedTo) {
    Elector elector = fresh();
    elector.on_leader_heard(start);

    elector.on_promised(start);

    EXPECT_TRUE(elector.would_promise(start));
    EXPECT_GE(wait_of(elector, start), timeout) << "but gives the candidate its time";
}

TEST(Elector, WaitsNoTimeoutForALeaderKnownDead) {
    Elector elector = fresh();
    elector.on_leader_heard(start);

    elector.on_leader_dead(start);

    EXPECT_TRUE(elector.would_promise(start));
    EXPECT_LE(wait_of(elector, start), heartbeat / 2);
    elector.on_defeat(start);
    EXPECT_LE(wait_of(elector, start), heartbeat) << "the others find out within moments";
}

TEST(Elector, BacksOffAtRandomAfterADefeat) {
    std::set<std::uint64_t> waits;
    Elector elector = fresh();
    for (int defeat = 0; defeat < 20; ++defeat) {
        elector.on_defeat(start);
        waits.insert(wait_of(elector, start));
    }
    EXPECT_GT(waits.size(), 10U);
    EXPECT_GE(*waits.begin(), timeout);
}

TEST(Elector, StandsAtOnceWhenHurried) {
    Elector elector = fresh();
    elector.on_leader_heard(start);

    elector.hurry(start);

    EXPECT_TRUE(elector.due(start));
}

}  // namespace
}  // namespace gavel::paxos
