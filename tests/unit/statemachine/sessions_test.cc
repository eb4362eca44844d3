#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Session, IsNamedByTheSlotThatOpenedIt) {
    Driver driver;
    driver.noop();

    const Outcome outcome = driver.outcome(OpenSession{
        .name = "worker", .ttl = 15'000, .lock_delay = 500, .metadata = "{\"host\":\"a\"}"});

    EXPECT_EQ(outcome, Outcome{SessionOpened{2}});
    EXPECT_EQ(*driver.machine().session(2), (Session{.id = 2,
                                                     .name = "worker",
                                                     .ttl = 15'000,
                                                     .lock_delay = 500,
                                                     .metadata = "{\"host\":\"a\"}",
                                                     .created_at = driver.now()}));
    EXPECT_EQ(driver.machine().session(1), nullptr);
}

TEST(Session, IsRefusedWhenThereAreTooMany) {
    Driver driver({.sessions = 1});
    const SessionId first = driver.open();

    EXPECT_EQ(driver.outcome(OpenSession{}), Outcome{LimitReached{LimitReached::What::sessions}});

    driver.run(EndSession{first});
    driver.open();
    EXPECT_EQ(driver.machine().sessions().size(), 1U);
}

TEST(Session, ThatIsUnknownCannotBeEnded) {
    Driver driver;
    const SessionId session = driver.open();
    driver.run(EndSession{session});

    const Applied again = driver.run(EndSession{session});

    EXPECT_EQ(again.outcome, Outcome{SessionNotFound{session}});
    EXPECT_THAT(again.changed, IsEmpty());
}

TEST(Session, ReleasesItsLocksAndLeavesItsQueuesWhenItEnds) {
    Driver driver;
    const SessionId leaving = driver.open(), next = driver.open(), other = driver.open();
    const Token a = driver.lock("a", leaving), b = driver.lock("b", leaving);
    driver.lock("c", other);
    driver.queue("c", leaving);
    driver.queue("a", next);

    const Applied applied = driver.run(EndSession{leaving});

    EXPECT_EQ(applied.outcome, Outcome{SessionEnded{}});
    const std::string revision = std::to_string(applied.revision);
    EXPECT_THAT(lines(applied.events),
                ElementsAre("0 released a s1 t" + std::to_string(a),
                            "1 released b s1 t" + std::to_string(b),
                            "2! acquired a s" + std::to_string(next) + " t" + revision));
    EXPECT_EQ(driver.machine().lock("a")->holders.at(0)->session, next);
    EXPECT_EQ(driver.machine().lock("b")->lock->last_release->reason, ReleaseReason::session_ended);
    EXPECT_EQ(driver.machine().queue_length("c"), 0U);
    EXPECT_THAT(driver.machine().waited_for_by(leaving), IsEmpty());
    EXPECT_THAT(driver.machine().held_by(leaving), IsEmpty());
}

TEST(Session, ExpiresWithItsLocks) {
    Driver driver;
    driver.run(LeaderStart{1});
    const SessionId session = driver.open();
    const Token token = driver.lock("a", session);
    driver.pass(20'000);

    const Applied applied = driver.run(ExpireSession{session, 1});

    EXPECT_EQ(applied.outcome, Outcome{Done{}});
    EXPECT_THAT(lines(applied.events), ElementsAre("0! expired a s2 t" + std::to_string(token)));
    EXPECT_EQ(driver.machine().session(session), nullptr);
    EXPECT_EQ(*driver.machine().lock("a")->lock->last_release,
              (LastRelease{.session = session,
                           .token = token,
                           .at = driver.now(),
                           .revision = applied.revision,
                           .reason = ReleaseReason::session_expired}));
}

TEST(Session, IsNotExpiredByALeaderThatHasBeenReplaced) {
    Driver driver;
    driver.run(LeaderStart{1});
    const SessionId session = driver.open();
    driver.run(LeaderStart{2});

    const Applied applied = driver.run(ExpireSession{session, 1});

    EXPECT_EQ(applied.outcome, Outcome{Done{}});
    EXPECT_THAT(applied.changed, IsEmpty());
    EXPECT_NE(driver.machine().session(session), nullptr);
}

TEST(Session, ThatIsGoneAlreadyExpiresWithoutEffect) {
    Driver driver;
    driver.run(LeaderStart{1});

    const Applied applied = driver.run(ExpireSession{77, 1});

    EXPECT_EQ(applied.outcome, Outcome{Done{}});
    EXPECT_THAT(applied.changed, IsEmpty());
}

TEST(Session, LapsesTogetherWithOthersSoThatNothingGoesToOneOfThem) {
    Driver driver;
    driver.run(LeaderStart{1});
    const SessionId one = driver.open(), other = driver.open(), third = driver.open();
    const Token a = driver.lock("a", one);
    driver.queue("a", other);
    driver.queue("a", third);

    const Applied applied = driver.run(ExpireSessions{{one, 99, other, one}, 1});

    EXPECT_EQ(applied.outcome, Outcome{Done{}});
    const std::string revision = std::to_string(applied.revision);
    EXPECT_THAT(lines(applied.events),
                ElementsAre("0 expired a s2 t" + std::to_string(a),
                            "1! acquired a s" + std::to_string(third) + " t" + revision));
    EXPECT_THAT(driver.machine().sessions(), testing::SizeIs(1));
    EXPECT_THAT(driver.machine().ending_sessions(), IsEmpty());
}

TEST(Session, DoesNotLapseWithOthersByALeaderThatHasBeenReplaced) {
    Driver driver;
    driver.run(LeaderStart{1});
    const SessionId one = driver.open(), other = driver.open();
    driver.run(LeaderStart{2});

    const Applied applied = driver.run(ExpireSessions{{one, other}, 1});

    EXPECT_THAT(applied.changed, IsEmpty());
    EXPECT_THAT(driver.machine().sessions(), testing::SizeIs(2));
}

TEST(Session, StaysWhenTheCommandEndsAsMuchAsItMay) {
    Driver driver({.ended_per_command = 4});
    driver.run(LeaderStart{1});
    const SessionId one = driver.open(), two = driver.open(), three = driver.open();
    driver.lock("a", one);
    driver.lock("b", two);
    driver.lock("c", three);

    driver.run(ExpireSessions{{one, two, three}, 1});

    EXPECT_THAT(driver.machine().sessions(), ElementsAre(testing::Key(three)));
    EXPECT_NE(driver.machine().holder("c", three), nullptr);
}

TEST(Session, CountsItsPlacesInQueuesAgainstWhatTheCommandMayEnd) {
    Driver driver({.ended_per_command = 3});
    driver.run(LeaderStart{1});
    const SessionId holder = driver.open(), waiter = driver.open(), third = driver.open();
    driver.lock("a", holder);
    driver.lock("b", holder);
    driver.queue("a", waiter);
    driver.queue("b", waiter);

    driver.run(ExpireSessions{{waiter, third}, 1});

    EXPECT_EQ(driver.machine().session(waiter), nullptr);
    EXPECT_NE(driver.machine().session(third), nullptr);
}

TEST(Session, ThatHeldMuchHasEndedThoughItIsFreedOfItByMoreThanOneCommand) {
    Driver driver({.sessions = 2, .ended_per_command = 2});
    const SessionId big = driver.open(500), next = driver.open();
    for (const char* name : {"a", "b", "c", "d", "e"}) driver.lock(name, big);
    driver.queue("e", next);

    EXPECT_EQ(driver.outcome(EndSession{big}), Outcome(SessionEnding{3}));

    EXPECT_EQ(driver.machine().session(big), nullptr);
    EXPECT_THAT(driver.machine().ending_sessions(), ElementsAre(testing::Key(big)));
    EXPECT_THAT(driver.machine().held_by(big), ElementsAre("c", "d", "e"));
    EXPECT_EQ(driver.outcome(AcquireLock{.name = "f", .session = big}),
              Outcome{SessionNotFound{big}});
    EXPECT_EQ(driver.outcome(OpenSession{}), Outcome{LimitReached{LimitReached::What::sessions}});
    driver.restart();
    EXPECT_EQ(driver.outcome(EndSession{big}), Outcome(SessionEnding{1}));
    const Applied last = driver.run(EndSession{big});
    EXPECT_EQ(last.outcome, Outcome{SessionEnded{}});
    EXPECT_NE(driver.machine().holder("e", next), nullptr);
    EXPECT_EQ(driver.machine().lock("a")->lock->delay, 0) << "it did not lapse";
    EXPECT_EQ(driver.outcome(EndSession{big}), Outcome{SessionNotFound{big}});
}

TEST(Session, IsFreedOfItsKeysBeforeItsLocksAreHandedOn) {
    Driver driver({.ended_per_command = 2});
    const SessionId session = driver.open();
    driver.lock("a", session);
    for (const char* key : {"j", "k", "l"}) {
        driver.run(PutKey{.key = key, .value = "v", .session = session});
    }

    EXPECT_EQ(driver.outcome(EndSession{session}), Outcome(SessionEnding{2}));
    EXPECT_EQ(driver.machine().key("j"), nullptr);
    EXPECT_NE(driver.machine().key("l"), nullptr);
    EXPECT_TRUE(std::holds_alternative<SessionNotFound>(
        driver.outcome(PutKey{.key = "m", .value = "v", .session = session})));
    driver.restart();

    const Applied last = driver.run(EndSession{session});
    EXPECT_EQ(last.outcome, Outcome{SessionEnded{}});
    EXPECT_EQ(lines(last.events).front(), "0 delete l");
    EXPECT_EQ(last.events.size(), 2U);
}

TEST(Session, ThatHeldMuchGoesOnLapsingUnderTheNextLeader) {
    Driver driver({.ended_per_command = 2});
    driver.run(LeaderStart{1});
    const SessionId big = driver.open(500);
    for (const char* name : {"a", "b", "c"}) driver.lock(name, big);
    driver.run(ExpireSession{big, 1});
    driver.run(LeaderStart{2});

    EXPECT_EQ(driver.outcome(EndSession{big}), Outcome{SessionNotFound{big}}) << "it has lapsed";
    EXPECT_THAT(driver.machine().held_by(big), ElementsAre("c"));
    driver.run(ExpireSessions{{big}, driver.machine().globals().leader_start});

    EXPECT_THAT(driver.machine().ending_sessions(), IsEmpty());
    EXPECT_EQ(driver.machine().lock("c")->lock->last_release->reason,
              ReleaseReason::session_expired);
    EXPECT_EQ(driver.machine().lock("c")->lock->delay, 500);
}

}  // namespace
}  // namespace gavel::statemachine
