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

}  // namespace
}  // namespace gavel::statemachine
