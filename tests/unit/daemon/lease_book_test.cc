#include "daemon/lease_book.h"

#include <gmock/gmock.h>

namespace gavel::daemon {
namespace {

using paxos::Tick;
using statemachine::Command;
using statemachine::ExpireSession;
using statemachine::LeaveQueue;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr statemachine::Revision leader_start = 9;

TEST(LeaseBook, LetsASessionLapseWhenItsTimeIsUp) {
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});

    EXPECT_THAT(book.due(Tick{999}, 10, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{1'000}, 10, leader_start),
                ElementsAre(Command(ExpireSession{1, leader_start})));
}

TEST(LeaseBook, GivesARenewedSessionItsFullTime) {
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});
    book.renew(1, 1'000, Tick{900});

    EXPECT_THAT(book.due(Tick{1'500}, 10, leader_start), IsEmpty());
    EXPECT_EQ(book.expires_in(1, Tick{1'500}), 400);
    EXPECT_THAT(book.due(Tick{1'900}, 10, leader_start), SizeIs(1));
}

TEST(LeaseBook, CountsFromTheTickAfterTheRenewal) {
    // The client asked at 950, after the tick at 900 and before the one at 1'000.
    LeaseBook book;
    book.renew(1, 1'000, Tick{900});
    book.on_tick(Tick{1'000});

    EXPECT_THAT(book.due(Tick{1'900}, 10, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{2'000}, 10, leader_start), SizeIs(1));
}

TEST(LeaseBook, RefusesToRenewWhatItLetsLapse) {
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});
    book.due(Tick{1'000}, 10, leader_start);

    EXPECT_FALSE(book.renew(1, 1'000, Tick{1'001}));
    EXPECT_EQ(book.expires_in(1, Tick{1'001}), 0);
    EXPECT_EQ(book.expires_in(2, Tick{1'001}), std::nullopt) << "not known";
    EXPECT_THAT(book.due(Tick{9'000}, 10, leader_start), IsEmpty())
        << "an expiry is asked for once";
}

TEST(LeaseBook, SpreadsAMassExpiry) {
    LeaseBook book;
    for (statemachine::SessionId id = 1; id <= 100; ++id) book.renew(id, 1'000, Tick{0});

    EXPECT_THAT(book.due(Tick{2'000}, 64, leader_start), SizeIs(64));
    EXPECT_THAT(book.due(Tick{2'010}, 64, leader_start), SizeIs(36));
}

TEST(LeaseBook, ForgetsASessionThatEnded) {
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});
    book.forget(1);

    EXPECT_THAT(book.due(Tick{5'000}, 10, leader_start), IsEmpty());
}

TEST(LeaseBook, EndsAWaitByTheAttemptItBelongsTo) {
    LeaseBook book;
    book.add_wait("deploy", 1, 17, 250, Tick{100});

    EXPECT_THAT(book.due(Tick{349}, 10, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{350}, 10, leader_start),
                ElementsAre(Command(LeaveQueue{"deploy", 1, 17})));
}

TEST(LeaseBook, BeginsTheTimeOfASessionThatWaitsWithItsGrant) {
    LeaseBook book;
    book.hold(1, 1'000, 60'000, Tick{0});
    EXPECT_THAT(book.due(Tick{30'000}, 10, leader_start), IsEmpty());
    EXPECT_EQ(book.expires_in(1, Tick{30'000}), 31'000);

    book.on_grant(1, Tick{30'000});
    book.on_grant(1, Tick{30'500});
    book.on_grant(2, Tick{30'500});

    EXPECT_EQ(book.expires_in(1, Tick{30'500}), 500) << "a grant of more begins nothing anew";
    EXPECT_THAT(book.due(Tick{30'999}, 10, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{31'000}, 10, leader_start),
                ElementsAre(Command(ExpireSession{1, leader_start})));
    EXPECT_THAT(book.due(Tick{90'000}, 10, leader_start), IsEmpty()) << "one timer counts";
}

TEST(LeaseBook, LetsASessionLapseThatWasNeverGrantedWhatItWaitsFor) {
    LeaseBook book;
    book.hold(1, 1'000, 5'000, Tick{0});

    EXPECT_THAT(book.due(Tick{5'999}, 10, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{6'000}, 10, leader_start), SizeIs(1));
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
    EXPECT_THAT(book.due(Tick{5'500}, 10, leader_start),
                ElementsAre(Command(LeaveQueue{"l", 3, 3})));
}

TEST(LeaseBook, GivesEverySessionAFullTimeUnderANewLeader) {
    statemachine::Machine machine({}, 8, {{.id = 1, .name = "n1"}});
    const statemachine::Entry open{.request = {1, 1, 1},
                                   .command = statemachine::OpenSession{.ttl = 1'000}};
    machine.apply(1, open);
    LeaseBook book;
    book.renew(1, 1'000, Tick{0});

    book.start(machine, Tick{50'000});

    EXPECT_THAT(book.due(Tick{50'999}, 10, leader_start), IsEmpty());
    EXPECT_THAT(book.due(Tick{51'000}, 10, leader_start), SizeIs(1));
}

}  // namespace
}  // namespace gavel::daemon
