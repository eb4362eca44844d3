#include "daemon/lease_book.h"

#include <gmock/gmock.h>

namespace gavel::daemon {
namespace {

using paxos::Tick;
using statemachine::Command;
using statemachine::ExpireSessions;
using statemachine::LeaveQueue;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr statemachine::Revision leader_start = 9;
constexpr LeaseBook::Pace pace{.commands = 10, .sessions = 3, .batches = 2};

// The sessions of a command that lets some lapse.
std::vector<statemachine::SessionId> lapsing(const std::vector<Command>& due) {
    if (due.empty()) return {};
    return std::get<ExpireSessions>(due.front()).sessions;
}

void execute(LeaseBook& book, const std::vector<statemachine::SessionId>& sessions,
             const statemachine::Machine& machine) {
    for (const auto session : sessions) book.on_ended(session, machine);
    book.on_batch_executed();
}

statemachine::Machine machine_with(std::size_t sessions, statemachine::Limits limits = {}) {
    statemachine::Machine machine(limits, 8, {{.id = 1, .name = "n1"}});
    for (std::size_t i = 1; i <= sessions; ++i) {
        machine.apply(i, {.command = statemachine::OpenSession{.ttl = 1'000}});
    }
    return machine;
}

TEST(LeaseBook, LetsASessionLapseWhenItsTimeIsUp) {
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});

    EXPECT_THAT(book.due(Tick{999}, pace, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{1'000}, pace, leader_start),
                ElementsAre(Command(ExpireSessions{{1}, leader_start})));
}

TEST(LeaseBook, GivesARenewedSessionItsFullTime) {
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});
    book.renew(1, 1'000, Tick{900});

    EXPECT_THAT(book.due(Tick{1'500}, pace, leader_start), IsEmpty());
    EXPECT_EQ(book.expires_in(1, Tick{1'500}), 400);
    EXPECT_THAT(book.due(Tick{1'900}, pace, leader_start), SizeIs(1));
}

TEST(LeaseBook, CountsFromTheTickAfterTheRenewal) {
    // The client asked at 950, after the tick at 900 and before the one at 1'000.
    LeaseBook book;
    book.renew(1, 1'000, Tick{900});
    book.on_tick(Tick{1'000});

    EXPECT_THAT(book.due(Tick{1'900}, pace, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{2'000}, pace, leader_start), SizeIs(1));
}

TEST(LeaseBook, RefusesToRenewWhatItLetsLapse) {
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});
    book.due(Tick{1'000}, pace, leader_start);

    EXPECT_FALSE(book.renew(1, 1'000, Tick{1'001}));
    EXPECT_EQ(book.expires_in(1, Tick{1'001}), 0);
    EXPECT_EQ(book.expires_in(2, Tick{1'001}), std::nullopt) << "not known";
    EXPECT_THAT(book.due(Tick{9'000}, pace, leader_start), IsEmpty())
        << "an expiry is asked for once";
}

TEST(LeaseBook, SmearsAMassExpiryOverBatchesOfWhichFewAreUnderWay) {
    const auto machine = machine_with(0);
    LeaseBook book;
    for (statemachine::SessionId id = 1; id <= 8; ++id) book.renew(id, 1'000, Tick{0});

    const auto first = book.due(Tick{2'000}, pace, leader_start);
    EXPECT_THAT(lapsing(first), ElementsAre(1, 2, 3));
    EXPECT_THAT(lapsing(book.due(Tick{2'010}, pace, leader_start)), ElementsAre(4, 5, 6));
    EXPECT_THAT(book.due(Tick{2'020}, pace, leader_start), IsEmpty()) << "two are under way";

    execute(book, lapsing(first), machine);
    EXPECT_THAT(lapsing(book.due(Tick{2'030}, pace, leader_start)), ElementsAre(7, 8));
}

TEST(LeaseBook, RenewsASessionThatWaitsForItsTurnToLapse) {
    LeaseBook book;
    for (statemachine::SessionId id = 1; id <= 4; ++id) book.renew(id, 1'000, Tick{0});
    book.due(Tick{2'000}, pace, leader_start);
    EXPECT_EQ(book.expires_in(4, Tick{2'000}), 0);

    EXPECT_FALSE(book.renew(3, 1'000, Tick{2'000}));
    EXPECT_TRUE(book.renew(4, 1'000, Tick{2'000}));

    EXPECT_THAT(book.due(Tick{2'010}, pace, leader_start), IsEmpty());
    EXPECT_EQ(book.expires_in(4, Tick{2'500}), 500);
    EXPECT_THAT(lapsing(book.due(Tick{3'000}, pace, leader_start)), ElementsAre(4));
}

TEST(LeaseBook, LooksAtNoMoreLeasesAtOnceThanItMay) {
    LeaseBook book;
    for (statemachine::SessionId id = 1; id <= 5; ++id) book.renew(id, 1'000, Tick{0});
    for (statemachine::SessionId id = 1; id <= 4; ++id) book.renew(id, 9'000, Tick{0});
    const LeaseBook::Pace hesitant{.looked_at = 2};

    EXPECT_THAT(book.due(Tick{2'000}, hesitant, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{2'000}, hesitant, leader_start), IsEmpty());
    EXPECT_THAT(lapsing(book.due(Tick{2'000}, hesitant, leader_start)), ElementsAre(5));
}

TEST(LeaseBook, TriesAgainWhatABatchLeftAsItWas) {
    auto machine = machine_with(3, {.ended_per_command = 2});
    LeaseBook book;
    book.start(machine, Tick{0});
    const auto batch = std::get<ExpireSessions>(book.due(Tick{1'000}, pace, 0).front());
    machine.apply(4, {.command = batch});

    execute(book, batch.sessions, machine);

    EXPECT_THAT(lapsing(book.due(Tick{1'010}, pace, 0)), ElementsAre(3));
    EXPECT_FALSE(book.renew(3, 1'000, Tick{1'010})) << "its expiry was proposed";
}

TEST(LeaseBook, GoesOnEndingWhatHeldMuchUnderANewLeader) {
    auto machine = machine_with(2, {.ended_per_command = 1});
    machine.apply(3, {.command = statemachine::AcquireLock{.name = "a", .session = 2}});
    machine.apply(4, {.command = statemachine::AcquireLock{.name = "b", .session = 2}});
    machine.apply(5, {.command = statemachine::EndSession{2}});
    LeaseBook book;

    book.start(machine, Tick{0});

    const auto due = book.due(Tick{0}, pace, leader_start);
    EXPECT_THAT(lapsing(due), ElementsAre(2)) << "at once";
    machine.apply(6, {.command = ExpireSessions{{2}, 0}});
    execute(book, lapsing(due), machine);
    EXPECT_THAT(book.due(Tick{10}, pace, leader_start), IsEmpty());
}

TEST(LeaseBook, ForgetsASessionThatEnded) {
    const auto machine = machine_with(0);
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});
    book.on_ended(1, machine);

    EXPECT_THAT(book.due(Tick{5'000}, pace, leader_start), IsEmpty());
    EXPECT_EQ(book.expires_in(1, Tick{0}), std::nullopt);
}

statemachine::Waiter waiter(statemachine::Revision attempt, statemachine::DurationMs wait) {
    return {.lock = "deploy", .session = 1, .place = 17, .attempt = attempt, .wait = wait};
}

TEST(LeaseBook, EndsAWaitByTheAttemptItBelongsTo) {
    LeaseBook book;
    book.add_wait(waiter(17, 250), Tick{100});

    EXPECT_THAT(book.due(Tick{349}, pace, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{350}, pace, leader_start),
                ElementsAre(Command(LeaveQueue{"deploy", 1, 17})));
}

TEST(LeaseBook, TimesTheLatestAttemptOnly) {
    LeaseBook book;
    book.add_wait(waiter(17, 250), Tick{100});
    book.add_wait(waiter(17, 999), Tick{200});  // Of several locks each stands there.
    EXPECT_THAT(book.due(Tick{349}, pace, leader_start), IsEmpty());
    book.add_wait(waiter(21, 600), Tick{349});

    EXPECT_THAT(book.due(Tick{948}, pace, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{949}, pace, leader_start),
                ElementsAre(Command(LeaveQueue{"deploy", 1, 21})));
}

// They would take the turn of those that are still waited for, and room until their time.
TEST(LeaseBook, ForgetsWaitsAndDelaysThatAreOver) {
    LeaseBook book;
    for (statemachine::Revision place = 1; place <= 100; ++place) {
        book.add_wait({.lock = "l", .session = 1, .place = place, .attempt = place, .wait = 10},
                      Tick{0});
        book.end_wait(place);
    }
    book.add_delay({.name = "d", .delay = 10, .delayed_at = 5}, Tick{0});
    book.end_delay("d");
    book.end_delay("d");
    book.add_delay({.name = "e", .delay = 20, .delayed_at = 6}, Tick{0});
    book.add_delay({.name = "e", .delay = 20, .delayed_at = 7}, Tick{5});
    book.add_wait(waiter(201, 30), Tick{0});

    EXPECT_THAT(book.due(Tick{30}, {.commands = 2}, leader_start),
                ElementsAre(Command(statemachine::EndLockDelay{"e", 7}),
                            Command(LeaveQueue{"deploy", 1, 201})));
}

TEST(LeaseBook, LooksAtNoLeaseThatIsGone) {
    const auto machine = machine_with(0);
    LeaseBook book;
    for (statemachine::SessionId id = 1; id <= 100; ++id) {
        book.renew(id, 1'000, Tick{0});
        book.on_ended(id, machine);
    }
    book.renew(101, 1'000, Tick{0});

    EXPECT_THAT(lapsing(book.due(Tick{1'000}, {.looked_at = 1}, leader_start)), ElementsAre(101));
}

TEST(LeaseBook, BeginsTheTimeOfASessionThatWaitsWithItsGrant) {
    LeaseBook book;
    book.hold(1, 1'000, 60'000, Tick{0});
    EXPECT_THAT(book.due(Tick{30'000}, pace, leader_start), IsEmpty());
    EXPECT_EQ(book.expires_in(1, Tick{30'000}), 31'000);

    book.on_grant(1, Tick{30'000});
    book.on_grant(1, Tick{30'500});
    book.on_grant(2, Tick{30'500});

    EXPECT_EQ(book.expires_in(1, Tick{30'500}), 500) << "a grant of more begins nothing anew";
    EXPECT_THAT(book.due(Tick{30'999}, pace, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{31'000}, pace, leader_start),
                ElementsAre(Command(ExpireSessions{{1}, leader_start})));
    EXPECT_THAT(book.due(Tick{90'000}, pace, leader_start), IsEmpty()) << "one timer counts";
}

TEST(LeaseBook, LetsASessionLapseThatWasNeverGrantedWhatItWaitsFor) {
    LeaseBook book;
    book.hold(1, 1'000, 5'000, Tick{0});

    EXPECT_THAT(book.due(Tick{5'999}, pace, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{6'000}, pace, leader_start), SizeIs(1));
}

TEST(LeaseBook, HoldsASessionThatWaitsUnderANewLeaderToo) {
    statemachine::Machine machine({}, 8, {{.id = 1, .name = "n1"}});
    const auto run = [&](statemachine::Command command) {
        return machine.apply(machine.applied() + 1, {.command = std::move(command)});
    };
    run(statemachine::OpenSession{.ttl = 60'000});
    run(statemachine::AcquireLock{.name = "l", .session = 1});
    run(statemachine::AcquireLock{.name = "l", .session = 0, .wait = 5'000, .ttl = 1'000});
    run(statemachine::AcquireLocks{.session = 1, .locks = {{"l2"}}});
    LeaseBook book;

    book.start(machine, Tick{0});

    EXPECT_EQ(book.expires_in(3, Tick{0}), 6'000);
    EXPECT_THAT(book.due(Tick{5'500}, pace, leader_start),
                ElementsAre(Command(LeaveQueue{"l", 3, 3})));
}

TEST(LeaseBook, GivesEverySessionAFullTimeUnderANewLeader) {
    const auto machine = machine_with(1);
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});

    book.start(machine, Tick{50'000});

    EXPECT_THAT(book.due(Tick{50'999}, pace, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{51'000}, pace, leader_start), SizeIs(1));
}

}  // namespace
}  // namespace gavel::daemon
