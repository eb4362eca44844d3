#include <gmock/gmock.h>

#include <algorithm>

#include "daemon/core.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using namespace std::chrono_literals;
using paxos::MemberId;
using paxos::Slot;
using paxos::Tick;
using testing::ElementsAre;

constexpr MemberId self{1}, other{2};

// One core, driven by hand: its disk is durable when the test says so.
class Driven {
public:
    explicit Driven(Core::Limits limits, std::vector<statemachine::Member> members = {{.id = 1}})
        : core({.self = self, .boot = 1, .seed = 1, .limits = limits},
               statemachine::Machine({}, 1, std::move(members)), {}, now_, 0) {}

    void tick(std::uint64_t by_ms) {
        now_ = now_ + by_ms;
        core.tick(now_, 0);
        end_turn();
    }
    void end_turn() {
        Turn turn = core.end_turn();
        std::move(turn.records.begin(), turn.records.end(), std::back_inserter(records));
        std::move(turn.at_once.begin(), turn.at_once.end(), std::back_inserter(sent));
        std::move(turn.once_durable.begin(), turn.once_durable.end(), std::back_inserter(held_));
    }
    void disk_is_done() {
        while (!held_.empty()) {
            for (auto& outgoing : std::exchange(held_, {})) {
                core.receive(self, std::move(outgoing.message));
            }
            end_turn();
        }
    }
    statemachine::SessionId session() const {
        const auto& sessions = core.machine().sessions();
        return sessions.empty() ? 0 : sessions.begin()->first;
    }

    std::vector<paxos::Record> records{};
    std::vector<Outgoing> sent{};

private:
    std::vector<Outgoing> held_{};
    Tick now_{1'000};

public:
    Core core;
};

TEST(CoreBounds, LetASessionLapseAlthoughClientsFillTheQueue) {
    Driven member({.queued_commands = 1});
    member.tick(10);
    member.disk_is_done();
    member.core.submit(1, {.command = statemachine::OpenSession{.ttl = 100}, .timeout = 1s});
    member.end_turn();
    member.disk_is_done();
    ASSERT_NE(member.session(), 0U);

    // One command waits for the disk, the next for the window.
    for (const std::uint64_t ticket : {2U, 3U}) {
        member.core.submit(ticket, {.command = statemachine::PutKey{.key = "k"}, .timeout = 1s});
        member.end_turn();
    }
    member.tick(10);
    member.tick(110);
    member.disk_is_done();

    EXPECT_EQ(member.session(), 0U);
}

TEST(CoreBounds, WhatTheLeaderSaysOfMembersWaitsWhileTheQueueIsFull) {
    Driven member({.queued_commands = 1, .pace = {.commands = 0}},
                  {{.id = 1}, {.id = 2, .role = statemachine::Role::learner}});
    member.tick(10);
    member.disk_is_done();
    // One command waits for the disk, the next for the window.
    for (const std::uint64_t ticket : {1U, 2U}) {
        member.core.submit(ticket, {.command = statemachine::PutKey{.key = "k"}, .timeout = 1s});
        member.end_turn();
    }

    member.core.met(other, 77);
    member.tick(10);
    member.core.check_invariants();

    member.disk_is_done();
    member.tick(10);
    member.disk_is_done();
    EXPECT_EQ(member.core.machine().globals().epochs.back().members.back().incarnation, 77U);
}

TEST(CoreBounds, ALeaderStartTakesNoNumberOfTheRequestWindow) {
    Driven member({});
    member.tick(10);
    member.disk_is_done();

    const auto accepted = std::find_if(
        member.records.begin(), member.records.end(),
        [](const auto& record) { return std::holds_alternative<paxos::AcceptRecord>(record); });
    ASSERT_NE(accepted, member.records.end());
    const auto entry =
        proto::decode_entry(std::get<paxos::AcceptRecord>(*accepted).proposal.value.command.view());
    ASSERT_TRUE(entry.has_value());
    EXPECT_TRUE(std::holds_alternative<statemachine::LeaderStart>(entry->command));
    EXPECT_EQ(entry->request.member, 0);
    EXPECT_TRUE(member.core.status().role == "leader") << "it knows its own nevertheless";
}

// A newcomer far behind fetches the state of one that does not lead, and learns nothing meanwhile
// that it would have to execute for nothing.
TEST(CoreBounds, AMemberWithoutAStateFetchesOneRatherThanToExecuteTheWholeLog) {
    constexpr MemberId leader{2}, another{3};
    Driven member({.replayed = 100}, {{.id = 1}, {.id = 2}, {.id = 3}});
    member.core.met(leader, 7);
    member.core.met(another, 8);
    const auto asked = [&member](MemberId whom) {
        member.end_turn();
        return std::ranges::count_if(std::exchange(member.sent, {}), [&](const Outgoing& each) {
            return each.to == whom && std::holds_alternative<proto::SnapshotAsk>(each.message);
        });
    };
    const auto beats = [&](std::uint64_t prefix) {
        member.core.receive(leader, paxos::Message(paxos::Heartbeat{.ballot = {1, leader},
                                                                    .chosen_prefix = {prefix}}));
    };
    const auto tells_the_first = [&] {
        member.core.receive(leader, paxos::Message(paxos::LearnAnswer{
                                        .from = {1}, .chosen_prefix = {101}, .values = {{}}}));
    };

    beats(100);
    EXPECT_EQ(asked(leader) + asked(another), 0) << "so much is executed";
    beats(101);
    EXPECT_EQ(asked(another), 1);
    tells_the_first();
    EXPECT_EQ(member.core.machine().applied(), 0);

    member.tick(1'001);  // Nothing came of it.
    tells_the_first();
    EXPECT_EQ(member.core.machine().applied(), 1);
}

TEST(CoreBounds, ARefusedSnapshotRaisesAnAlarm) {
    Driven member({}, {{.id = 1}, {.id = 2}});
    member.core.receive(other, paxos::Message(paxos::LearnAnswer{
                                   .from = {1}, .oldest = {10}, .chosen_prefix = {20}}));
    EXPECT_THAT(member.core.status().alarms, ElementsAre("fetching a snapshot from member 2"));

    member.core.receive(other, proto::SnapshotChunk{.applied = 20, .globals = "no globals"});

    EXPECT_THAT(member.core.status().alarms,
                testing::Contains("refused a snapshot from member 2: it is damaged, or not what "
                                  "its hash says"));
}

TEST(CoreBounds, TheLogIsKeptForMembersThatWereHeardFromLately) {
    Driven member({}, {{.id = 1}, {.id = 2}});
    member.core.on_state_durable(100);

    EXPECT_EQ(member.core.cut_point(20, {}), Slot{0}) << "nothing is known of the other";
    member.core.receive(other, proto::MemberReport{.applied = 90, .durable = 40});
    EXPECT_EQ(member.core.cut_point(20, {}), Slot{40});
    EXPECT_EQ(member.core.cut_point(70, {}), Slot{30}) << "what is kept anyway";
    member.tick(10'001);
    EXPECT_EQ(member.core.cut_point(20, {}), Slot{80}) << "it is away";
}

TEST(CoreBounds, TheLogIsKeptForWhoeverIsHandedASnapshot) {
    Driven member({}, {{.id = 1}});
    member.core.on_state_durable(100);

    EXPECT_EQ(member.core.cut_point(20, {}), Slot{80});
    EXPECT_EQ(member.core.cut_point(20, {{other, {60}}}), Slot{60});
    EXPECT_EQ(member.core.cut_point(20, {{self, {70}}, {other, {60}}}), Slot{60});
    EXPECT_EQ(member.core.cut_point(20, {{other, {90}}}), Slot{80});
}

// It says nothing meanwhile, and may need longer than a silent member is waited for.
TEST(CoreBounds, TheLogIsKeptForWhoeverInstallsASnapshotUntilItSaysThatItHasIt) {
    Driven member({}, {{.id = 1}, {.id = 2}});
    member.core.on_state_durable(100);
    member.core.receive(other, proto::MemberReport{.applied = 90, .durable = 10});
    member.tick(10'001);

    EXPECT_EQ(member.core.cut_point(20, {{other, {60}}}), Slot{60});
    member.core.receive(other, proto::MemberReport{.applied = 60, .durable = 60});
    member.tick(10'001);
    EXPECT_EQ(member.core.cut_point(20, {{other, {60}}}), Slot{80});
}

TEST(CoreBounds, TheLogIsKeptForNobodyWithoutEnd) {
    Driven member({}, {{.id = 1}, {.id = 2}});
    member.core.on_state_durable(1'000);
    member.core.receive(other, proto::MemberReport{.applied = 90, .durable = 40});

    EXPECT_EQ(member.core.cut_point(20, {{self, {50}}}), Slot{1'000 - 8 * 20});
    EXPECT_EQ(member.core.cut_point(0, {{self, {50}}}), Slot{1'000});
    EXPECT_EQ(member.core.cut_point(~0ULL, {}), Slot{0});
}

TEST(CoreBounds, ReadsWhoseTimeIsUpLeaveNothingBehindWithoutALeader) {
    Driven member({.reads = 2}, {{.id = 1}, {.id = 2}});

    for (std::uint64_t ticket = 1; ticket <= 20; ++ticket) {
        member.core.read(ticket, {.timeout = 50ms});
        member.tick(30);
    }

    EXPECT_LE(member.core.replica().reads_waiting(), 2U);
    member.core.check_invariants();
    member.tick(100);
    EXPECT_EQ(member.core.replica().reads_waiting(), 0U);
}

TEST(CoreBounds, AMemberTellsHowFarItsStateIsDurable) {
    Driven member({}, {{.id = 1}, {.id = 2}});
    member.core.on_state_durable(100);
    member.tick(2'000);

    const auto report = std::find_if(member.sent.begin(), member.sent.end(), [](const auto& out) {
        return std::holds_alternative<proto::MemberReport>(out.message);
    });
    ASSERT_NE(report, member.sent.end());
    EXPECT_EQ(std::get<proto::MemberReport>(report->message).durable, 100U);
}

// What the leader had under way when it confirmed the read may be lost with it: then that slot
// never comes while nobody writes.
TEST(CoreBounds, AReadDoesNotWaitForWhatALostLeaderHadUnderWay) {
    constexpr MemberId old_leader{2}, new_leader{3};
    Driven member({}, {{.id = 1}, {.id = 2}, {.id = 3}});
    const auto question_to = [&member](MemberId whom) -> std::uint64_t {
        member.end_turn();
        for (const auto& each : std::exchange(member.sent, {})) {
            const auto* message = std::get_if<paxos::Message>(&each.message);
            const auto* ask =
                message != nullptr ? std::get_if<paxos::ReadIndexAsk>(message) : nullptr;
            if (each.to == whom && ask != nullptr) return ask->number;
        }
        return 0;
    };
    const auto beats = [&member](MemberId leader, std::uint64_t round) {
        member.core.receive(leader, paxos::Message(paxos::Heartbeat{.ballot = {round, leader}}));
    };
    beats(old_leader, 1);
    member.core.read(1, {.timeout = 60s});
    member.core.read(2, {.stale = true, .min_revision = 9, .timeout = 60s});
    const auto first = question_to(old_leader);
    ASSERT_NE(first, 0U);
    member.core.receive(old_leader, paxos::Message(paxos::ReadIndexAnswer{first, {20}}));
    member.end_turn();

    beats(new_leader, 2);

    const auto second = question_to(new_leader);
    EXPECT_GT(second, first);
    member.core.receive(old_leader, paxos::Message(paxos::ReadIndexAnswer{second, {20}}));
    member.end_turn();
    EXPECT_EQ(member.core.status().reads, 0U) << "late, of who leads no more";
    member.core.receive(new_leader, paxos::Message(paxos::ReadIndexAnswer{second, {0}}));
    EXPECT_EQ(question_to(new_leader), 0U);
    EXPECT_EQ(member.core.status().reads, 1U);
}

}  // namespace
}  // namespace gavel::daemon
