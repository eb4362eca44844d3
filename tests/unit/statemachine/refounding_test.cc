#include "statemachine/refounding.h"

#include <gmock/gmock.h>

#include "statemachine/row_hash.h"
#include "tests/unit/statemachine/driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Revision base = 2'000'000'000'000;

class RefoundingTest : public testing::Test {
protected:
    Member founder() const {
        return {.id = driver.machine().globals().next_member,
                .name = "phoenix",
                .peer_address = "h9:7500",
                .role = Role::voter,
                .incarnation = 77};
    }
    Machine refounded() const {
        const Refounding fresh = refound(driver.machine(), base, founder());
        Machine machine(Limits{}, driver.machine().globals().alpha, {});
        for (const Row& row : fresh.rows) machine.load(row);
        EXPECT_TRUE(machine.finish_load(fresh.globals));
        machine.check_invariants();
        return machine;
    }
    static Applied run(Machine& machine, Command command) {
        auto applied = machine.apply(machine.applied() + 1, {.command = std::move(command)});
        machine.check_invariants();
        return applied;
    }

    Driver driver;
};

TEST_F(RefoundingTest, KeepsSessionsLocksAndKeysAsTheyWere) {
    const SessionId holder = driver.open();
    const SessionId waiting = driver.open();
    const Token token = driver.lock("deploy", holder);
    driver.queue("deploy", waiting);
    driver.put("app/motd", "hello");

    const Machine machine = refounded();

    EXPECT_THAT(machine.sessions(), SizeIs(2));
    EXPECT_EQ(machine.lock("deploy")->holders.at(0)->token, token);
    EXPECT_EQ(machine.lock("deploy")->holders.at(0)->session, holder);
    EXPECT_EQ(machine.position("deploy", waiting), 1U);
    EXPECT_EQ(*machine.key("app/motd"), *driver.machine().key("app/motd"));
}

TEST_F(RefoundingTest, KeepsKeysForAsLongAsTheirSessionLives) {
    const SessionId session = driver.open();
    driver.run(PutKey{.key = "nodes/web-1", .value = "h1", .session = session});
    Machine machine = refounded();
    EXPECT_EQ(*machine.key("nodes/web-1"), *driver.machine().key("nodes/web-1"));

    run(machine, EndSession{session});

    EXPECT_EQ(machine.key("nodes/web-1"), nullptr);
}

// It would stay for ever.
TEST_F(RefoundingTest, IsNoStateWhereAKeysSessionIsMissing) {
    const SessionId session = driver.open();
    driver.run(PutKey{.key = "nodes/web-1", .value = "h1", .session = session});
    const Refounding fresh = refound(driver.machine(), base, founder());
    Machine machine(Limits{}, driver.machine().globals().alpha, {});
    Globals globals = fresh.globals;
    for (const Row& row : fresh.rows) {
        if (row.key.table == Table::sessions) {
            globals.rows_hash -= row_hash(row.key, row.value);
        } else {
            machine.load(row);
        }
    }

    EXPECT_FALSE(machine.finish_load(globals));
}

TEST_F(RefoundingTest, GivesOutTokensAboveItsFirstSlot) {
    const SessionId holder = driver.open();
    driver.lock("deploy", holder);
    Machine machine = refounded();

    run(machine, EndSession{holder});
    const auto opened = std::get<SessionOpened>(run(machine, OpenSession{.ttl = 1'000}).outcome);
    const auto granted = std::get<LockGranted>(
        run(machine, AcquireLock{.name = "deploy", .session = opened.session}).outcome);

    EXPECT_GT(opened.session, base);
    EXPECT_GT(granted.token, base);
}

// Whoever resumes a watch must be told that it missed something: nobody knows what.
TEST_F(RefoundingTest, ForgetsTheHistory) {
    driver.put("a", "1");

    const Machine machine = refounded();

    EXPECT_EQ(machine.globals().history_floor, base);
    EXPECT_THAT(machine.history(0, 10), IsEmpty());
}

// The past of the keys is what people come back for after a disaster.
TEST_F(RefoundingTest, KeepsThePastOfTheKeys) {
    const Revision first = driver.put("a", "1");
    driver.put("a", "2");
    driver.run(DeleteKey{.key = "a"});

    Machine machine = refounded();

    EXPECT_EQ(machine.key_at("a", first).value->value, "1");
    run(machine, RollBack{.target = "a", .to = first});
    EXPECT_EQ(machine.key("a")->value, "1");
}

TEST_F(RefoundingTest, HasOneMemberAndRemembersWhoWasOne) {
    const auto before = driver.machine().globals();

    const Globals after = refounded().globals();

    ASSERT_THAT(after.epochs, SizeIs(1));
    EXPECT_EQ(after.epochs.front().number, before.epochs.back().number + 1);
    EXPECT_EQ(after.epochs.front().first_slot, base + 1);
    EXPECT_THAT(after.epochs.front().members, ElementsAre(founder()));
    EXPECT_EQ(after.next_member, before.next_member + 1);
    EXPECT_THAT(after.removed, SizeIs(before.epochs.back().members.size()));
}

TEST_F(RefoundingTest, RemembersNoMoreOfThoseWhoLeftThanEver) {
    Limits limits;
    limits.removed_members = 2;
    std::vector<Member> members;
    for (MemberNumber id = 1; id <= 3; ++id) {
        members.push_back({.id = id, .name = "n" + std::to_string(id)});
    }
    const Machine old(limits, 8, members);

    const auto removed = refound(old, base, {.id = 4, .name = "n4"}).globals.removed;

    EXPECT_THAT(removed,
                ElementsAre(RemovedMember{2, "n2", base + 1}, RemovedMember{3, "n3", base + 1}));
}

// Members that are gone send nothing more, and their numbers are not used again.
TEST_F(RefoundingTest, ForgetsTheRequestsOfMembersThatAreGone) {
    driver.run(Entry{.request = {1, 1, 1}, .command = OpenSession{.ttl = 1'000}});

    for (const Row& row : refound(driver.machine(), base, founder()).rows) {
        EXPECT_NE(row.key.table, Table::requests);
    }
}

TEST_F(RefoundingTest, KeepsWhatAnIdempotencyKeyWasAnswered) {
    Entry entry = put_entry("a", "1");
    entry.idempotency = {{"key", 5}};
    const Applied first = driver.run(entry);
    Machine machine = refounded();

    entry.request = {};
    const Applied again = machine.apply(base + 1, entry);

    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(again.revision, first.revision);
}

}  // namespace
}  // namespace gavel::statemachine
