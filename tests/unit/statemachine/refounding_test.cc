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

TEST_F(RefoundingTest, KeepsTheKeysAndLetsEverySessionLapse) {
    const SessionId holder = driver.open();
    const SessionId waiting = driver.open();
    const Token token = driver.lock("deploy", holder);
    driver.queue("deploy", waiting);
    driver.put("app/motd", "hello");

    const Machine machine = refounded();

    EXPECT_THAT(machine.sessions(), IsEmpty());
    EXPECT_THAT(machine.ending_sessions(), IsEmpty());
    EXPECT_THAT(machine.lock("deploy")->holders, IsEmpty());
    EXPECT_EQ(machine.queue_length("deploy"), 0U);
    const auto& last = machine.lock("deploy")->lock->last_release;
    EXPECT_EQ(last->session, holder);
    EXPECT_EQ(last->token, token);
    EXPECT_EQ(last->reason, ReleaseReason::session_expired);
    EXPECT_EQ(*machine.key("app/motd"), *driver.machine().key("app/motd"));
}

// The old cluster went on after the copy: one let go, another was granted the lock and wrote.
TEST_F(RefoundingTest, BringsNoTokenBackThatWasGivenOutBefore) {
    const SessionId one = driver.open();
    const SessionId another = driver.open();
    const Token copied = driver.lock("deploy", one);
    const Refounding fresh = refound(driver.machine(), base, founder());
    driver.run(ReleaseLock{.name = "deploy", .session = one});
    const Token later = driver.lock("deploy", another);

    Machine machine(Limits{}, driver.machine().globals().alpha, {});
    for (const Row& row : fresh.rows) machine.load(row);
    ASSERT_TRUE(machine.finish_load(fresh.globals));

    for (const Token token : {copied, later}) {
        EXPECT_FALSE(machine.is_live("deploy", token)) << token;
        const auto written =
            run(machine, PutKey{.key = "k", .value = "v", .guard = Guard{"deploy", token}});
        EXPECT_EQ(written.outcome, Outcome(StaleToken{0})) << token;
    }
    for (const SessionId session : {one, another}) {
        const auto again = run(machine, AcquireLock{.name = "deploy", .session = session});
        EXPECT_EQ(again.outcome, Outcome(SessionNotFound{session}));
    }
}

// Also who shares a lock, and who waits for several behind what nobody holds.
TEST_F(RefoundingTest, GrantsNothingToThoseWhoWaited) {
    const SessionId one = driver.open(), two = driver.open();
    const SessionId three = driver.open(), four = driver.open();
    driver.share("s", one);
    driver.share("s", two);
    driver.run(AcquireLocks{.session = three, .locks = {{"free"}, {"s"}}, .wait = 10'000});
    Entry behind{.command = AcquireLock{.name = "free", .session = four, .wait = 10'000}};
    behind.idempotency = {{"key", 5}};
    driver.run(behind);

    Machine machine = refounded();

    EXPECT_EQ(machine.queue_length("free"), 0U);
    EXPECT_EQ(machine.lock("s")->holder_count, 0U);
    behind.request = {};
    const Applied again = machine.apply(base + 1, behind);
    EXPECT_EQ(again.outcome, Outcome(SessionNotFound{four}));
}

TEST_F(RefoundingTest, GivesAHeldLockToNobodyWhileItsHolderMayBelieveInIt) {
    const SessionId holder = driver.open(2'000);
    driver.lock("deploy", holder);
    Machine machine = refounded();
    const auto opened = std::get<SessionOpened>(run(machine, OpenSession{.ttl = 1'000}).outcome);
    const AcquireLock acquire{.name = "deploy", .session = opened.session};

    EXPECT_TRUE(std::holds_alternative<LockHeld>(run(machine, acquire).outcome));
    ASSERT_THAT(machine.delayed_locks(), SizeIs(1));
    EXPECT_EQ(machine.delayed_locks()[0]->delay, 15'000 + 2'000) << "its TTL, and its lock-delay";
    run(machine, EndLockDelay{"deploy", machine.delayed_locks()[0]->delayed_at});

    const auto granted = std::get<LockGranted>(run(machine, acquire).outcome);
    EXPECT_GT(opened.session, base);
    EXPECT_GT(granted.token, base);
}

TEST_F(RefoundingTest, KeepsNoKeyOfASession) {
    const SessionId session = driver.open();
    driver.run(PutKey{.key = "nodes/web-1", .value = "h1", .session = session});
    const Revision then = driver.machine().applied();

    const Machine machine = refounded();

    EXPECT_EQ(machine.key("nodes/web-1"), nullptr);
    EXPECT_EQ(machine.key_at("nodes/web-1", then).value->value, "h1");
}

// However much one held, and however far its end had come.
TEST_F(RefoundingTest, LetsThoseLapseThatWereBeingEnded) {
    Limits limits;
    limits.ended_per_command = 2;
    driver = Driver(limits);
    const SessionId session = driver.open();
    for (int i = 0; i < 9; ++i) driver.lock("l" + std::to_string(i), session);
    driver.run(EndSession{session});
    ASSERT_THAT(driver.machine().ending_sessions(), SizeIs(1));
    EXPECT_EQ(left_behind(driver.machine()).locks, 7U);

    const Machine machine = refounded();

    EXPECT_THAT(machine.ending_sessions(), IsEmpty());
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(machine.lock("l" + std::to_string(i))->holder_count, 0U) << i;
    }
}

TEST_F(RefoundingTest, TellsWhatIsLeftBehind) {
    const SessionId holder = driver.open();
    driver.lock("a", holder);
    driver.lock("b", holder);
    driver.queue("a", driver.open());
    driver.run(PutKey{.key = "nodes/web-1", .value = "h1", .session = holder});
    driver.put("app/motd", "hello");

    const LeftBehind left = left_behind(driver.machine());

    EXPECT_EQ(left.sessions, 2U);
    EXPECT_EQ(left.locks, 2U);
    EXPECT_EQ(left.places, 1U);
    EXPECT_EQ(left.keys, 1U);
}

// It would stay for ever.
TEST_F(RefoundingTest, IsNoStateWhereAKeysSessionIsMissing) {
    const SessionId session = driver.open();
    driver.run(PutKey{.key = "nodes/web-1", .value = "h1", .session = session});
    Machine machine(Limits{}, driver.machine().globals().alpha, {});
    Globals globals = driver.machine().globals();
    for (const Row& row : driver.machine().rows()) {
        if (row.key.table == Table::sessions) {
            globals.rows_hash -= row_hash(row.key, row.value);
        } else {
            machine.load(row);
        }
    }

    EXPECT_FALSE(machine.finish_load(globals));
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
