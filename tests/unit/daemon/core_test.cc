#include "daemon/core.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "persistence/recovery.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using namespace std::chrono_literals;
using paxos::MemberId;
using paxos::Tick;
using testing::AllOf;
using testing::Gt;
using testing::Le;
using testing::Optional;

// A few cores in one thread, with a network that loses nothing and disks that are at once durable.
// What faults do is the simulator's business; here is what the core answers when all goes well, and
// when a member is simply not there.
class Cluster {
public:
    explicit Cluster(std::uint16_t size) {
        for (std::uint16_t id = 1; id <= size; ++id) {
            members_.push_back({.id = id, .name = "n" + std::to_string(id)});
        }
        for (std::uint16_t id = 1; id <= size; ++id) {
            Core::Config config{.self = {id}, .boot = 1, .seed = id};
            cores_[{id}] = std::make_unique<Core>(config, statemachine::Machine({}, 8, members_),
                                                  paxos::Durable{}, now_, wall_);
        }
    }

    Core& core(std::uint16_t id) { return *cores_.at({id}); }
    void kill(std::uint16_t id) { cores_.erase({id}); }
    // A newcomer with an empty directory.
    void start(std::uint16_t id) {
        Core::Config config{.self = {id}, .boot = 1, .seed = id};
        cores_[{id}] = std::make_unique<Core>(config, statemachine::Machine({}, 8, members_),
                                              paxos::Durable{}, now_, wall_);
    }
    const statemachine::Globals& globals(std::uint16_t id) { return core(id).machine().globals(); }
    bool is_voter(std::uint16_t of, std::uint16_t id) {
        const auto& membership = core(of).replica().membership();
        return membership.epoch_of(membership.executed().next()).has_voter({id});
    }
    std::optional<statemachine::MembersChanged> change(
        std::uint16_t at, std::vector<statemachine::MemberChange> wanted) {
        return outcome<statemachine::MembersChanged>(submit(
            at, statemachine::ChangeMembers{globals(at).epochs.back().number, std::move(wanted)}));
    }

    void run_for(std::uint64_t duration_ms) {
        for (std::uint64_t passed = 0; passed < duration_ms; passed += 10) {
            now_ = now_ + 10;
            wall_ += 10;
            for (auto& [id, core] : cores_) {
                core->tick(now_, wall_);
                core->on_state_durable(core->machine().applied());
            }
            settle();
        }
    }

    void settle() {
        for (bool busy = true; busy;) {
            busy = false;
            for (auto& [id, core] : cores_) {
                Turn turn = core->end_turn();
                if (turn.diverged) diverged[id] = *turn.diverged;
                if (turn.retired) retired.insert(id);
                for (auto& messages : {&turn.once_durable, &turn.at_once}) {
                    for (auto& outgoing : *messages) {
                        bag_.push_back({id, std::move(outgoing)});
                    }
                }
                for (auto& answer : turn.answers) take(answer);
                for (auto& change : turn.changes) changes[id].push_back(change);
            }
            while (!bag_.empty()) {
                busy = true;
                auto [from, outgoing] = std::move(bag_.front());
                bag_.pop_front();
                const auto to = cores_.find(outgoing.to);
                if (to != cores_.end()) to->second->receive(from, std::move(outgoing.message));
            }
        }
    }

    std::uint16_t leader() {
        for (int tries = 0; tries < 1'000; ++tries) {
            for (auto& [id, core] : cores_) {
                if (core->status().role == "leader") return id.number;
            }
            run_for(10);
        }
        return 0;
    }
    std::uint16_t follower() { return static_cast<std::uint16_t>(leader() % cores_.size() + 1); }

    // Submits at the member and gives the answer, if it came within the time.
    std::optional<api::SubmitResult> submit(std::uint16_t id, statemachine::Command command,
                                            std::uint64_t patience_ms = 2'000) {
        const std::uint64_t ticket = ++ticket_;
        core(id).submit(ticket, {.command = std::move(command), .timeout = 1s});
        settle();
        for (std::uint64_t passed = 0; passed < patience_ms && !submitted.contains(ticket);
             passed += 10) {
            run_for(10);
        }
        const auto found = submitted.find(ticket);
        if (found == submitted.end()) return std::nullopt;
        return found->second;
    }

    template <class Outcome>
    std::optional<Outcome> outcome(const std::optional<api::SubmitResult>& result) {
        if (!result || !std::holds_alternative<api::Executed>(*result)) return std::nullopt;
        const auto* found = std::get_if<Outcome>(&std::get<api::Executed>(*result).outcome);
        return found == nullptr ? std::nullopt : std::optional(*found);
    }

    statemachine::SessionId open_session(std::uint16_t id, std::int64_t ttl_ms) {
        const auto opened = outcome<statemachine::SessionOpened>(
            submit(id, statemachine::OpenSession{.name = "test", .ttl = ttl_ms}));
        return opened ? opened->session : 0;
    }

    std::map<std::uint64_t, api::SubmitResult> submitted;
    std::map<std::uint64_t, std::optional<api::Failure>> reads;
    std::map<std::uint64_t, api::KeepAliveResult> kept;
    std::map<std::uint64_t, api::Leases> leases;
    std::map<MemberId, std::vector<statemachine::Ptr<statemachine::Change>>> changes;
    std::map<MemberId, paxos::Slot> diverged;
    std::set<MemberId> retired;

private:
    void take(Turn::Answer& answer) {
        if (auto* done = std::get_if<Turn::Submitted>(&answer)) {
            EXPECT_TRUE(submitted.emplace(done->ticket, done->result).second) << "answered twice";
        } else if (auto* read = std::get_if<Turn::ReadReady>(&answer)) {
            reads[read->ticket] = read->failure;
        } else if (auto* alive = std::get_if<Turn::KeptAlive>(&answer)) {
            kept.emplace(alive->ticket, alive->result);
        } else {
            auto& told = std::get<Turn::Leases>(answer);
            EXPECT_TRUE(leases.emplace(told.ticket, told.leases).second) << "answered twice";
        }
    }

    std::vector<statemachine::Member> members_;
    std::map<MemberId, std::unique_ptr<Core>> cores_;
    std::deque<std::pair<MemberId, Outgoing>> bag_;
    Tick now_{1'000};
    statemachine::TimeMs wall_ = 1'700'000'000'000;
    std::uint64_t ticket_ = 0;
};

statemachine::PutKey put(std::string key, std::string value) {
    return {.key = std::move(key), .value = Bytes(std::move(value)), .content_type = "text/plain"};
}

TEST(Core, ExecutesACommandOfAnyMembersClientOnEveryMember) {
    Cluster cluster(3);
    const auto follower = cluster.follower();

    const auto result = cluster.submit(follower, put("a", "1"));

    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(result));
    cluster.run_for(200);
    for (std::uint16_t id = 1; id <= 3; ++id) {
        ASSERT_NE(cluster.core(id).machine().key("a"), nullptr);
        EXPECT_EQ(cluster.core(id).machine().hash(), cluster.core(1).machine().hash());
    }
}

TEST(Core, ServesAClusterOfOneAtOnce) {
    Cluster cluster(1);
    EXPECT_EQ(cluster.leader(), 1);
    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(cluster.submit(1, put("a", "1"))));
}

TEST(Core, HandsACommandToTheNextLeaderWhenTheLeaderIsGone) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    cluster.kill(leader);

    cluster.core(follower).submit(7'000, {.command = put("a", "1"), .timeout = 10s});
    cluster.run_for(5'000);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(cluster.submitted.at(7'000)));
    EXPECT_EQ(cluster.core(follower).machine().key("a")->version, 1U) << "executed once";
}

TEST(Core, SaysThatNothingWasDoneWhenNoLeaderWasEverFound) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != follower) cluster.kill(id);
    }
    cluster.run_for(3'000);

    cluster.core(follower).submit(7'000, {.command = put("a", "1"), .timeout = 1s});
    cluster.run_for(4'000);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    const auto* failure = std::get_if<api::Failure>(&cluster.submitted.at(7'000));
    ASSERT_NE(failure, nullptr);
    EXPECT_TRUE(failure->kind == api::Failure::Kind::no_leader ||
                failure->kind == api::Failure::Kind::outcome_unknown);
}

TEST(Core, AnswersAWaitingAcquireWhenTheLockComesToIt) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto follower = cluster.follower();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(follower, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "deploy", .session = first});

    cluster.core(follower).submit(
        7'000,
        {.command = statemachine::AcquireLock{.name = "deploy", .session = second, .wait = 30'000},
         .timeout = 1s});
    cluster.run_for(500);
    EXPECT_FALSE(cluster.submitted.contains(7'000)) << "queued is no answer";
    cluster.submit(leader, statemachine::ReleaseLock{.name = "deploy", .session = first});
    cluster.run_for(100);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    EXPECT_TRUE(cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'000)));
}

TEST(Core, TakesAWaiterOutOfTheQueueWhenItsTimeIsUp) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto first = cluster.open_session(leader, 60'000);
    const auto second = cluster.open_session(leader, 60'000);
    cluster.submit(leader, statemachine::AcquireLock{.name = "deploy", .session = first});

    const auto result =
        cluster.submit(cluster.follower(),
                       statemachine::AcquireLock{.name = "deploy", .session = second, .wait = 500});

    const auto held = cluster.outcome<statemachine::LockHeld>(result);
    ASSERT_TRUE(held);
    EXPECT_EQ(held->holder, first);
    EXPECT_EQ(cluster.core(leader).machine().queue_length("deploy"), 0U);
}

TEST(Core, LetsASessionLapseThatNobodyKeepsAlive) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto session = cluster.open_session(leader, 1'000);

    cluster.run_for(1'500);

    EXPECT_EQ(cluster.core(leader).machine().session(session), nullptr);
}

TEST(Core, GivesTheLockOfALapsedSessionToTheNextAfterTheDelay) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto opened = cluster.outcome<statemachine::SessionOpened>(
        cluster.submit(leader, statemachine::OpenSession{.ttl = 1'000, .lock_delay = 2'000}));
    ASSERT_TRUE(opened);
    cluster.submit(leader, statemachine::AcquireLock{.name = "deploy", .session = opened->session});
    const auto next = cluster.open_session(leader, 60'000);
    cluster.core(leader).submit(
        7'000,
        {.command = statemachine::AcquireLock{.name = "deploy", .session = next, .wait = 30'000},
         .timeout = 1s});

    cluster.run_for(2'000);
    EXPECT_EQ(cluster.core(leader).machine().session(opened->session), nullptr);
    EXPECT_FALSE(cluster.submitted.contains(7'000)) << "the delay protects what the lapsed one did";
    cluster.run_for(2'000);

    ASSERT_TRUE(cluster.submitted.contains(7'000));
    EXPECT_TRUE(cluster.outcome<statemachine::LockGranted>(cluster.submitted.at(7'000)));
}

TEST(Core, KeepsASessionAliveThroughAnyMember) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    const auto session = cluster.open_session(follower, 1'000);

    for (std::uint64_t ticket = 8'000; ticket < 8'010; ++ticket) {
        cluster.core(follower).keep_alive(ticket, session, 1'000);
        cluster.run_for(500);
        ASSERT_TRUE(cluster.kept.contains(ticket));
        const auto* kept = std::get_if<api::KeptAlive>(&cluster.kept.at(ticket));
        ASSERT_NE(kept, nullptr);
        EXPECT_TRUE(kept->found);
        EXPECT_EQ(kept->expires_in, 1s);
    }

    EXPECT_NE(cluster.core(follower).machine().session(session), nullptr);
}

// A leader that was deposed without knowing must not renew what its successor lets lapse.
TEST(Core, KeepsNoSessionAliveWithoutAMajority) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto session = cluster.open_session(leader, 60'000);
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.kill(id);
    }

    cluster.core(leader).keep_alive(8'000, session, 1'000);
    cluster.run_for(3'000);

    ASSERT_TRUE(cluster.kept.contains(8'000));
    EXPECT_TRUE(std::holds_alternative<api::Failure>(cluster.kept.at(8'000)));
}

TEST(Core, SaysThatASessionIsGone) {
    Cluster cluster(3);
    const auto follower = cluster.follower();

    cluster.core(follower).keep_alive(8'000, 12'345, 1'000);
    cluster.run_for(200);

    ASSERT_TRUE(cluster.kept.contains(8'000));
    EXPECT_FALSE(std::get<api::KeptAlive>(cluster.kept.at(8'000)).found);
}

TEST(Core, TellsAtAnyMemberHowMuchTimeTheLeaderGivesSessions) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    cluster.run_for(200);
    const auto session = cluster.open_session(leader, 60'000);
    cluster.run_for(5'000);

    for (std::uint16_t id = 1; id <= 3; ++id) {
        cluster.core(id).leases(id, {session, 12'345}, 1'000);
        cluster.run_for(100);

        ASSERT_TRUE(cluster.leases.contains(id));
        const auto& leases = cluster.leases.at(id);
        EXPECT_EQ(leases.size(), 1U) << "of an unknown session nothing is said";
        ASSERT_TRUE(leases.contains(session));
        EXPECT_THAT(leases.at(session), AllOf(Gt(54s), Le(55s)));
    }
}

// A leader that was deposed without knowing must not tell what its successor may have changed.
TEST(Core, TellsNothingOfLeasesWithoutAMajority) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto session = cluster.open_session(leader, 60'000);
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.kill(id);
    }

    cluster.core(leader).leases(8'000, {session}, 1'000);
    cluster.run_for(1'100);

    ASSERT_TRUE(cluster.leases.contains(8'000));
    EXPECT_TRUE(cluster.leases.at(8'000).empty());
    cluster.core(leader).check_invariants();
}

TEST(Core, WaitsNoLongerThanItMayForALeaderThatIsGone) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    const auto session = cluster.open_session(follower, 60'000);
    cluster.kill(cluster.leader());

    cluster.core(follower).leases(8'000, {session}, 200);
    EXPECT_FALSE(cluster.leases.contains(8'000));
    cluster.run_for(300);

    ASSERT_TRUE(cluster.leases.contains(8'000));
    EXPECT_TRUE(cluster.leases.at(8'000).empty());
}

TEST(Core, ServesALinearizableReadAtAFollowerAfterTheWriteItFollows) {
    Cluster cluster(3);
    cluster.submit(cluster.leader(), put("a", "1"));
    const auto follower = cluster.follower();

    cluster.core(follower).read(9'000, {.timeout = 1s});
    cluster.run_for(100);

    ASSERT_TRUE(cluster.reads.contains(9'000));
    EXPECT_FALSE(cluster.reads.at(9'000));
    EXPECT_NE(cluster.core(follower).machine().key("a"), nullptr);
}

TEST(Core, AnswersNoLinearizableReadWithoutAMajority) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.kill(id);
    }

    cluster.core(leader).read(9'000, {.timeout = 1s});
    cluster.run_for(3'000);

    ASSERT_TRUE(cluster.reads.contains(9'000));
    EXPECT_TRUE(cluster.reads.at(9'000));
}

TEST(Core, AnswersAStaleReadAtOnceFromLocalState) {
    Cluster cluster(3);
    cluster.core(2).read(9'000, {.stale = true, .timeout = 1s});
    cluster.settle();

    EXPECT_TRUE(cluster.reads.contains(9'000));
}

TEST(Core, HoldsAReadUntilTheRevisionItAsksForIsApplied) {
    Cluster cluster(1);
    cluster.leader();
    const auto next = cluster.core(1).machine().applied() + 1;
    cluster.core(1).read(9'000, {.stale = true, .min_revision = next, .timeout = 10s});
    cluster.run_for(100);
    EXPECT_FALSE(cluster.reads.contains(9'000));

    cluster.submit(1, put("a", "1"));

    EXPECT_TRUE(cluster.reads.contains(9'000));
}

TEST(Core, RefusesWhatDoesNotFit) {
    Cluster cluster(3);
    const auto follower = cluster.follower();
    for (std::uint64_t ticket = 10'000; ticket < 20'000; ++ticket) {
        cluster.core(follower).submit(ticket, {.command = put("a", "1"), .timeout = 1s});
    }
    cluster.settle();

    const auto refused =
        std::count_if(cluster.submitted.begin(), cluster.submitted.end(), [](const auto& answered) {
            const auto* failure = std::get_if<api::Failure>(&answered.second);
            return failure != nullptr && failure->kind == api::Failure::Kind::overloaded;
        });
    EXPECT_GT(refused, 0);
    cluster.core(follower).check_invariants();
}

TEST(Core, HandsLeadershipOverWhenItShutsDown) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    cluster.run_for(500);

    cluster.core(leader).begin_shutdown();
    EXPECT_FALSE(cluster.core(leader).status().ready);
    EXPECT_EQ(cluster.core(leader).status().not_ready_reason, "shutting down");
    cluster.settle();
    cluster.run_for(50);

    EXPECT_NE(cluster.core(leader).status().role, "leader");
    EXPECT_NE(cluster.leader(), leader);
}

TEST(Core, HandsLeadershipOverAndGoesOnServing) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    cluster.run_for(500);

    cluster.core(leader).hand_over();
    cluster.settle();
    cluster.run_for(50);

    EXPECT_NE(cluster.leader(), leader);
    EXPECT_TRUE(cluster.core(leader).status().ready);
}

TEST(Core, SaysThatItMustEndWhenAMajorityAgreesOnAnotherState) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    while (cluster.core(1).machine().applied() < HashBook::every_slots) {
        cluster.submit(leader, put("a", "b"));
    }
    cluster.run_for(2'500);
    EXPECT_THAT(cluster.core(1).status().alarms, testing::IsEmpty()) << "all agree";
    EXPECT_THAT(cluster.diverged, testing::IsEmpty());

    const proto::MemberReport another{.hashes = {{HashBook::every_slots, 1}}};
    cluster.core(1).receive({2}, another);
    cluster.settle();
    EXPECT_THAT(cluster.core(1).status().alarms, testing::SizeIs(1));
    EXPECT_THAT(cluster.diverged, testing::IsEmpty()) << "one of two: either may be wrong";
    cluster.core(1).receive({3}, another);
    cluster.settle();

    EXPECT_THAT(cluster.diverged, testing::ElementsAre(testing::Pair(
                                      MemberId{1}, paxos::Slot{HashBook::every_slots})));
}

// ---- Members ------------------------------------------------------------------------------------

TEST(Core, PinsTheDirectoriesThatItsLeaderMet) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (std::uint16_t id = 1; id <= 3; ++id) {
        if (id != leader) cluster.core(leader).met({id}, 100 + id);
    }

    cluster.run_for(1'000);

    for (const auto& member : cluster.globals(cluster.follower()).epochs.back().members) {
        EXPECT_EQ(member.incarnation, member.id == leader ? 0U : 100U + member.id);
    }
}

TEST(Core, MakesANewcomerAVoterOnceItHasCaughtUp) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (int i = 0; i < 20; ++i) {
        cluster.submit(leader, statemachine::PutKey{.key = "k" + std::to_string(i)});
    }
    const auto added = cluster.change(
        leader,
        {statemachine::AddMember{.name = "n4", .peer_address = "n4:1", .wants_vote = true}});
    ASSERT_TRUE(added);
    cluster.run_for(1'000);
    EXPECT_FALSE(cluster.is_voter(leader, 4)) << "nobody has heard of it yet";

    cluster.start(4);
    cluster.run_for(1'000);

    EXPECT_TRUE(cluster.is_voter(leader, 4));
    EXPECT_TRUE(cluster.is_voter(4, 4));
    EXPECT_EQ(cluster.core(4).machine().hash(), cluster.core(leader).machine().hash());
}

TEST(Core, LetsAMemberThatWasRemovedGoWhenTheOthersHaveWhatItHas) {
    for (const bool removes_leader : {true, false}) {
        Cluster cluster(3);
        const auto leader = cluster.leader();
        const auto gone = removes_leader ? leader : cluster.follower();
        const auto asked = static_cast<std::uint16_t>(gone % 3 + 1);

        ASSERT_TRUE(cluster.change(asked, {statemachine::RemoveMember{gone}}));
        cluster.run_for(3'000);

        EXPECT_EQ(cluster.retired, std::set<MemberId>{{gone}});
        EXPECT_TRUE(cluster.core(asked).is_dismissed(gone));
        EXPECT_FALSE(cluster.core(gone).is_dismissed(asked));
        cluster.kill(gone);
        EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(
            cluster.submit(asked, statemachine::PutKey{.key = "after"})));
    }
}

TEST(Core, AnswersTheReportsOfOneWhoIsNoMemberNowAndThenOnly) {
    Core core({.self = {1}, .boot = 1, .seed = 1},
              statemachine::Machine({}, 8, {{.id = 1, .name = "n1"}, {.id = 2, .name = "n2"}}),
              paxos::Durable{}, {1'000}, 1'700'000'000'000);
    core.end_turn();
    const auto answers = [&core](std::uint16_t from) {
        core.receive({from}, proto::MemberReport{.applied = 7});
        return std::ranges::count_if(core.end_turn().at_once, [&](const Outgoing& outgoing) {
            return outgoing.to.number == from &&
                   std::holds_alternative<proto::MemberReport>(outgoing.message);
        });
    };

    EXPECT_EQ(answers(9), 1) << "it waits to be let go";
    EXPECT_EQ(answers(9), 0) << "two of them would never end";
    EXPECT_EQ(answers(2), 0) << "a member is told by and by";
}

TEST(Core, ProposesWhatAMemberForwardsUnderItsOwnNumberOnly) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const auto applied = cluster.core(leader).machine().applied();
    const auto forward = [&](std::uint16_t as, std::uint16_t from) {
        const statemachine::Entry entry{.request = {as, 1, 900},
                                        .command = statemachine::PutKey{.key = "k"}};
        cluster.core(leader).receive({from}, proto::Forward{Bytes(proto::encode(entry))});
        cluster.run_for(100);
        return cluster.core(leader).machine().applied() > applied;
    };
    const auto follower = cluster.follower();

    EXPECT_FALSE(forward(9, follower)) << "its window of requests would be kept for nobody";
    EXPECT_TRUE(forward(follower, follower));
}

TEST(Core, ServesOnWhenAllMembersAreReplacedAtOnce) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    const std::vector<std::uint16_t> old_set{1, 2, 3}, new_set{4, 5, 6};
    std::vector<statemachine::MemberChange> adds;
    for (const std::string name : {"a", "b", "c"}) {
        adds.emplace_back(statemachine::AddMember{.name = name, .peer_address = name + ":1"});
    }
    ASSERT_TRUE(cluster.change(leader, adds));
    for (const std::uint16_t id : new_set) cluster.start(id);
    cluster.run_for(1'000);

    std::vector<statemachine::MemberChange> swap;
    for (const std::uint16_t id : new_set) {
        swap.emplace_back(statemachine::SetRole{id, statemachine::Role::voter});
    }
    for (const std::uint16_t id : old_set) swap.emplace_back(statemachine::RemoveMember{id});
    ASSERT_TRUE(cluster.change(leader, swap));
    cluster.run_for(5'000);

    EXPECT_EQ(cluster.retired, (std::set<MemberId>{{1}, {2}, {3}}));
    for (const std::uint16_t id : old_set) cluster.kill(id);
    EXPECT_TRUE(cluster.outcome<statemachine::KeyPut>(
        cluster.submit(5, statemachine::PutKey{.key = "after"})));
}

TEST(Core, TellsWatchersEachChangeOnceAndInOrder) {
    Cluster cluster(3);
    const auto leader = cluster.leader();
    for (int i = 0; i < 20; ++i) cluster.submit(leader, put("a", std::to_string(i)));
    cluster.run_for(500);

    for (std::uint16_t id = 1; id <= 3; ++id) {
        const auto& seen = cluster.changes[{id}];
        ASSERT_EQ(seen.size(), 20U);
        EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
            return a->revision < b->revision;
        }));
    }
}

}  // namespace
}  // namespace gavel::daemon
