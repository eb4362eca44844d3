#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PutKey ephemeral(std::string key, SessionId session) {
    return {.key = std::move(key), .value = "v", .session = session};
}

TEST(EphemeralKey, IsDeletedByTheCommandThatEndsItsSession) {
    Driver driver;
    const SessionId session = driver.open(), other = driver.open();
    driver.run(ephemeral("b", session));
    driver.run(ephemeral("a", session));
    driver.run(ephemeral("c", other));
    driver.put("d", "stays");
    driver.lock("l", session);

    const Applied applied = driver.run(EndSession{session});

    EXPECT_THAT(lines(applied.events),
                ElementsAre("0 delete a", "1 delete b", "2! released l s1 t7"));
    EXPECT_EQ(driver.machine().key_count(), 2U);
    EXPECT_EQ(driver.machine().key_count_of(session), 0U);
    EXPECT_EQ(driver.machine().key_count_of(other), 1U);
}

TEST(EphemeralKey, IsDeletedWhenItsSessionLapses) {
    Driver driver;
    const SessionId session = driver.open(500);
    driver.run(ephemeral("a", session));
    driver.run(LeaderStart{1});

    const Applied late = driver.run(ExpireSession{session, 1});
    const Applied applied =
        driver.run(ExpireSession{session, driver.machine().globals().leader_start});

    EXPECT_THAT(late.events, IsEmpty());
    EXPECT_THAT(lines(applied.events), ElementsAre("0! delete a"));
}

TEST(EphemeralKey, NeedsASessionThatExists) {
    Driver driver;
    const SessionId session = driver.open();
    driver.run(EndSession{session});

    EXPECT_EQ(driver.outcome(ephemeral("a", session)), Outcome(SessionNotFound{session}));
    EXPECT_EQ(driver.machine().key("a"), nullptr);
}

TEST(EphemeralKey, BelongsToWhoPutItLast) {
    Driver driver;
    const SessionId first = driver.open(), second = driver.open();
    driver.run(ephemeral("a", first));
    driver.run(ephemeral("b", first));
    driver.run(ephemeral("a", second));
    driver.put("b", "ordinary now");

    EXPECT_THAT(driver.run(EndSession{first}).events, IsEmpty());
    EXPECT_EQ(driver.machine().key("a")->session, second);
    EXPECT_THAT(lines(driver.run(EndSession{second}).events), ElementsAre("0! delete a"));
    EXPECT_EQ(driver.machine().key("b")->session, 0U);
}

TEST(EphemeralKey, ThatIsDeletedIsForgottenByItsSession) {
    Driver driver;
    const SessionId session = driver.open();
    driver.run(ephemeral("a", session));
    driver.run(DeleteKey{.key = "a"});
    driver.put("a", "another's");

    EXPECT_THAT(driver.run(EndSession{session}).events, IsEmpty());
    EXPECT_NE(driver.machine().key("a"), nullptr);
}

TEST(EphemeralKey, IsRefusedWhenItsSessionHasTooMany) {
    Driver driver({.keys_per_session = 2});
    const SessionId session = driver.open();
    const Outcome full(LimitReached{LimitReached::What::keys_per_session});
    driver.run(ephemeral("a", session));
    driver.run(ephemeral("b", session));

    EXPECT_EQ(driver.outcome(ephemeral("c", session)), full);
    EXPECT_EQ(driver.outcome(ephemeral("a", session)), Outcome(KeyPut{2, false}));
    driver.put("a", "ordinary now");
    EXPECT_EQ(driver.outcome(ephemeral("c", session)), Outcome(KeyPut{1, true}));
}

TEST(EphemeralKey, IsPutAndTakenOverByTransactions) {
    Driver driver({.keys_per_session = 1});
    const SessionId session = driver.open();
    driver.run(Transact{.then = {PutOperation{.key = "a", .session = session}}});

    const Outcome moved =
        driver.outcome(Transact{.then = {PutOperation{.key = "b", .session = session},
                                         PutOperation{.key = "a", .value = "ordinary now"}}});

    EXPECT_TRUE(std::holds_alternative<Transacted>(moved));
    EXPECT_THAT(lines(driver.run(EndSession{session}).events), ElementsAre("0! delete b"));
}

TEST(EphemeralKey, EndsWithItsSessionAfterARestart) {
    Driver driver;
    const SessionId session = driver.open();
    driver.run(ephemeral("a", session));
    driver.restart();

    EXPECT_EQ(driver.machine().key_count_of(session), 1U);
    EXPECT_THAT(lines(driver.run(EndSession{session}).events), ElementsAre("0! delete a"));
}

}  // namespace
}  // namespace gavel::statemachine
