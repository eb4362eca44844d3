#include "tests/simulation/turns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/simulation/failure.h"

namespace gavel::simulation {
namespace {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

// A state machine, and what Turns says of what it did or is said to have done.
class TurnsTest : public testing::Test {
protected:
    Applied apply(const Command& command) {
        entry_ = {.request = {1, 1, ++requests_}, .command = command};
        return machine_.apply(machine_.applied() + 1, entry_);
    }
    Outcome run(const Command& command) {
        const Applied applied = apply(command);
        turns_.check(entry_, applied);
        return applied.outcome;
    }
    SessionId open(DurationMs lock_delay = 0) {
        const auto opened = run(OpenSession{.ttl = 1'000, .lock_delay = lock_delay});
        return std::get<SessionOpened>(opened).session;
    }
    std::string judge(const Applied& applied) {
        try {
            turns_.check(entry_, applied);
        } catch (const Failure& failure) {
            return failure.what();
        }
        return "";
    }
    static AcquireLock acquire(SessionId session, LockMode mode = LockMode::exclusive,
                               std::uint64_t limit = 0) {
        return {.name = "l", .session = session, .wait = 1'000, .mode = mode, .limit = limit};
    }
    // As if whoever asked had been granted the lock with that command.
    static Applied granted(Applied applied, SessionId session, LockMode mode) {
        const Revision now = applied.revision;
        applied.outcome = LockGranted{.token = now, .fresh = true};
        applied.events = {{.revision = now,
                           .last = true,
                           .body = LockEvent{.lock = "l",
                                             .change = LockEvent::Change::acquired,
                                             .session = session,
                                             .token = now,
                                             .mode = mode}}};
        return applied;
    }

    Machine machine_{{}, 8, {{.id = 1, .name = "m1"}}};
    Reached reached_;
    Turns turns_{machine_, reached_};
    Entry entry_{};
    std::uint64_t requests_ = 0;
};

constexpr auto shared = LockMode::shared;
constexpr auto exclusive = LockMode::exclusive;

TEST_F(TurnsTest, HaveNothingAgainstAQueueThatIsServedFromTheFront) {
    const SessionId a = open(), b = open(), c = open(), d = open(1'000);
    run(acquire(a, shared, 2));
    run(acquire(b, exclusive));
    run(acquire(c, shared, 2));
    EXPECT_EQ(reached_.times("reader put behind a writer that waits"), 1U);
    run(acquire(d, shared, 2));
    run(acquire(b, exclusive));
    EXPECT_EQ(reached_.times("place kept by a repeated acquire"), 1U);
    run(ReleaseLock{.name = "l", .session = a});
    run(EndSession{b});
    EXPECT_EQ(reached_.times("shared lock granted to several together"), 1U);
    EXPECT_TRUE(turns_.is_live("l", machine_.applied(), d));

    run(acquire(a));
    run(ExpireSessions{.sessions = {d}});
    run(ReleaseLock{.name = "l", .session = c});
    EXPECT_FALSE(turns_.is_live("l", machine_.applied(), a)) << "the delay of whoever lapsed";
    run(EndLockDelay{.name = "l", .delayed_at = machine_.applied() - 1});
    EXPECT_TRUE(turns_.is_live("l", machine_.applied(), a));
}

TEST_F(TurnsTest, FailAReaderThatOvertakesAWriter) {
    const SessionId a = open(), b = open(), c = open();
    run(acquire(a, shared));
    run(acquire(b, exclusive));
    const Applied queued = apply(acquire(c, shared));
    EXPECT_EQ(judge(granted(queued, c, shared)),
              "nobody is granted a lock before those who wait for it");
}

TEST_F(TurnsTest, FailWhoeverIsServedFromTheMiddle) {
    const SessionId a = open(), b = open(), c = open();
    run(acquire(a));
    run(acquire(b));
    run(acquire(c));
    Applied released = apply(ReleaseLock{.name = "l", .session = a});
    auto& grant = std::get<LockEvent>(released.events.at(1).body);
    ASSERT_EQ(grant.session, b);
    grant.session = c;
    EXPECT_EQ(judge(released), "nobody is granted a lock before those who wait for it");
}

TEST_F(TurnsTest, FailALockThatWaitsForWhoeverIsNext) {
    const SessionId a = open(), b = open();
    run(acquire(a));
    run(acquire(b));
    Applied released = apply(ReleaseLock{.name = "l", .session = a});
    released.events.pop_back();
    EXPECT_EQ(judge(released), "whoever is next and can have a lock has it at once");
}

TEST_F(TurnsTest, FailOneMoreThanASemaphoreHasRoomFor) {
    const SessionId a = open(), b = open(), c = open();
    run(acquire(a, shared, 2));
    run(acquire(b, shared, 2));
    const Applied queued = apply(acquire(c, shared, 2));
    EXPECT_EQ(judge(granted(queued, c, shared)), "no more share a lock than its limit");
}

TEST_F(TurnsTest, FailAPlaceThatIsLostByAskingAgain) {
    const SessionId a = open(), b = open(), c = open();
    run(acquire(a));
    run(acquire(b));
    run(acquire(c));
    Applied again = apply(acquire(b));
    std::get<LockQueued>(again.outcome).position = 2;
    EXPECT_EQ(judge(again), "a place in a queue is told as it is");
}

TEST_F(TurnsTest, FailAPlaceInAQueueForALockThatIsFree) {
    const SessionId a = open();
    Applied taken = apply(acquire(a));
    taken.outcome = LockQueued{.attempt = taken.revision, .position = 1};
    taken.events.clear();
    EXPECT_EQ(judge(taken), "who can have a lock at once does not wait for it");
    taken.outcome = LockHeld{.position = 1};
    std::get<AcquireLock>(entry_.command).wait = 0;
    EXPECT_EQ(judge(taken), "who can have a lock at once is not refused it");
}

TEST_F(TurnsTest, FailAGrantUnderTheDelayOfWhoeverLapsed) {
    const SessionId a = open(1'000), b = open();
    run(acquire(a));
    run(ExpireSessions{.sessions = {a}});
    const Applied queued = apply(acquire(b));
    EXPECT_EQ(judge(granted(queued, b, exclusive)), "nobody is granted a lock under delay");
}

TEST_F(TurnsTest, FailSeveralLocksThatAreNotGrantedTogether) {
    const SessionId a = open(), b = open();
    run(acquire(a));
    run(AcquireLocks{.session = b, .locks = {{.name = "l"}, {.name = "m"}}, .wait = 1'000});
    Applied released = apply(ReleaseLock{.name = "l", .session = a});
    ASSERT_EQ(released.events.size(), 3U);
    released.events.pop_back();
    EXPECT_EQ(judge(released), "several locks are granted together");
}

TEST_F(TurnsTest, FailATimeOutThatTakesThePlaceOfALaterWait) {
    const SessionId a = open(), b = open();
    run(acquire(a));
    const auto first = std::get<LockQueued>(run(acquire(b)));
    run(acquire(b));
    Applied left = apply(LeaveQueue{.name = "l", .session = b, .attempt = first.attempt});
    ASSERT_TRUE(std::holds_alternative<LockQueued>(left.outcome));
    left.outcome = LockHeld{.holder = a, .position = 1};
    EXPECT_EQ(judge(left), "the end of an earlier wait takes nobody's place");
}

}  // namespace
}  // namespace gavel::simulation
