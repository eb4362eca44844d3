// What acceptors and proposers remember: the rows of docs/paxos.md on numbers and stable storage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "paxos/acceptor.h"
#include "paxos/proposer.h"
#include "tests/conformance/chaos.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr Ballot low{.round = 1, .member = m1}, middle{.round = 2, .member = m2},
    high{.round = 3, .member = m3};

template <class T>
Pick to(MemberId receiver) {
    return [receiver](const Flying& flying) { return is<T>(flying) && flying.to == receiver; };
}

std::map<MemberId, std::size_t> answers_of(const Cluster& cluster) {
    std::map<MemberId, std::size_t> answers;
    for (const Flying& flying : cluster.sent()) {
        if (is<Promise>(flying) || is<Accepted>(flying)) ++answers[flying.from];
    }
    return answers;
}

TEST(Acceptor, S10_AcceptsUnlessItHasPromisedAGreaterNumberInAnyOrder) {
    struct Request {
        bool accept{};
        Ballot ballot{};
        auto operator<=>(const Request&) const = default;
    };
    std::vector<Request> order;
    for (const Ballot ballot : {low, middle, high}) {
        order.push_back({false, ballot});
        order.push_back({true, ballot});
    }
    std::sort(order.begin(), order.end());
    do {
        Acceptor acceptor{1, {}, {}, {}};
        Ballot promised;
        for (const auto& [accept, ballot] : order) {
            const Effects effects =
                accept ? acceptor.on_accept(ballot.member, {ballot, {1}, {"value"}, {}})
                       : acceptor.on_prepare(ballot.member, {ballot, {1}});
            if (ballot < promised) {
                EXPECT_THAT(effects.records, IsEmpty());
                EXPECT_THAT(effects.at_once,
                            ElementsAre(Envelope{ballot.member, Reject{ballot, promised}}));
            } else {
                EXPECT_THAT(effects.once_durable, SizeIs(1));
                promised = ballot;
            }
            EXPECT_EQ(acceptor.promised(), promised);
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Acceptor, S11_PromisesWithTheHighestProposalAcceptedInEachSlotAskedAbout) {
    Acceptor acceptor{1, {}, {}, {}};
    acceptor.on_accept(m1, {low, {1}, {"not asked about"}, {}});
    acceptor.on_accept(m1, {low, {2}, {"replaced"}, {}});
    acceptor.on_accept(m1, {low, {4}, {"four"}, {}});
    acceptor.on_accept(m2, {middle, {2}, {"two"}, {}});

    const Effects effects = acceptor.on_prepare(m3, {high, {2}});

    const Promise expected{
        high,      1,  {2},
        last_slot, {}, {{{2}, Proposal{middle, {"two"}}}, {{4}, Proposal{low, {"four"}}}}};
    EXPECT_THAT(effects.once_durable, ElementsAre(Envelope{m3, expected}));
}

class Ambition : public ::testing::Test {
protected:
    Effects hear(MemberId from, Slot slot, std::optional<Proposal> accepted) {
        Promise promise{high, 1, {1}, last_slot, {}, {}};
        if (accepted) promise.reports.emplace_back(slot, *accepted);
        return proposer_.on_promise(from, promise, now_);
    }
    static std::vector<std::pair<Slot, Value>> proposals_in(const Effects& effects) {
        std::vector<std::pair<Slot, Value>> proposals;
        for (const auto& envelope : effects.at_once) {
            const auto* accept = std::get_if<Accept>(&envelope.message);
            if (accept != nullptr && envelope.peer == m3) {
                proposals.emplace_back(accept->slot, accept->value);
            }
        }
        return proposals;
    }

    Tick now_{1};
    Membership membership_{8, {}, {{Slot{1}, Epoch{1, {m1, m2, m3}, {}}}}};
    Learner learner_{{}, {}, {}};
    Proposer proposer_{m3, {}, membership_, learner_};
};

TEST_F(Ambition, S13_ProposesTheReportedValueOfTheHighestNumber) {
    proposer_.start(high, now_);

    hear(m1, {1}, Proposal{low, {"older"}});
    const Effects effects = hear(m2, {1}, Proposal{middle, {"newer"}});

    EXPECT_THAT(proposals_in(effects), ElementsAre(Pair(Slot{1}, Value{"newer"})));
}

TEST_F(Ambition, S13_ProposesAnyValueWhenAMajorityReportsNone) {
    proposer_.start(high, now_);

    hear(m1, {1}, std::nullopt);
    EXPECT_FALSE(proposer_.can_propose());
    hear(m2, {1}, std::nullopt);

    ASSERT_TRUE(proposer_.can_propose());
    EXPECT_THAT(proposals_in(proposer_.propose({"anything"}, now_)),
                ElementsAre(Pair(Slot{1}, Value{"anything"})));
}

TEST(Numbers, S16_AreNeverIssuedTwiceOverRestartsAndMemberChanges) {
    std::size_t issued = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        Cluster cluster({.members = {m1, m2, m3, m4}, .alpha = 4, .seed = seed});
        ASSERT_TRUE(run_chaos(cluster, seed, {.crashes = 3, .stands = 10, .member_changes = 1}));

        std::map<Ballot, std::set<MemberId>> users;
        for (const Flying& flying : cluster.sent()) {
            if (const auto* prepare = flying.as<Prepare>()) {
                users[prepare->ballot].insert(flying.from);
                EXPECT_EQ(prepare->ballot.number() % (1 << 16), flying.from.number);
            }
        }
        for (const auto& [ballot, by] : users) EXPECT_THAT(by, SizeIs(1));
        issued += users.size();
    }
    EXPECT_GT(issued, 100U);
}

TEST(Numbers, S17_AreDurableBeforeTheyAreUsedAndNeverReused) {
    Cluster cluster({.elections = false});
    cluster.hold_disk(m1);
    cluster.stand(m1);
    EXPECT_EQ(cluster.count<Prepare>(), 0U) << "not before the disk has it";

    cluster.make_durable(m1);
    ASSERT_EQ(cluster.count<Prepare>(), 2U);
    const Ballot used = cluster.sent().front().as<Prepare>()->ballot;
    cluster.lose_all();
    cluster.crash(m1);
    cluster.restart(m1);
    cluster.release_disk(m1);
    cluster.stand(m1);

    ASSERT_EQ(cluster.count<Prepare>(), 4U);
    EXPECT_GT(cluster.sent().back().as<Prepare>()->ballot, used);
}

// The attempt alone reaches the disk: a member that has no vote in the first slot may be asked to
// lead, and its acceptor may have promised less.
TEST(Numbers, S17_AreRememberedApartFromThePromise) {
    Durable disk;
    disk.attempted = {.round = 9, .member = m1};
    Replica replica{{.self = m1, .boot = 2, .elections = false},
                    {disk, 8, {}, {{Slot{1}, Epoch{1, {m1, m2}, {}}}}},
                    Tick{1}};

    const Effects effects = replica.step(Received{{MemberId{}, HandOver{}}});

    EXPECT_THAT(effects.records, testing::Contains(Record{AttemptRecord{{10, m1}}}));
}

TEST(Answers, S18_LeaveOnlyWhenTheirRecordsAreDurable) {
    // A promise and three accepts: m2 crashes when `durable` of the four writes are on its disk.
    for (std::size_t durable = 0; durable <= 4; ++durable) {
        Cluster cluster({.elections = false});
        cluster.hold_disk(m2);
        cluster.stand(m1);
        cluster.deliver_all();
        ASSERT_EQ(cluster.replica(m1).role(), Role::leader);
        for (const char* command : {"one", "two", "three"}) cluster.propose(m1, command);
        cluster.deliver_all(to<Accept>(m2));
        ASSERT_EQ(cluster.unsynced(m2), 4U);

        cluster.make_durable(m2, durable);
        EXPECT_EQ(answers_of(cluster)[m2], durable);
        cluster.crash(m2);
        cluster.restart(m2);

        EXPECT_EQ(static_cast<bool>(cluster.replica(m2).promised()), durable > 0);
        EXPECT_EQ(cluster.disk(m2).log.size(), durable - std::min<std::size_t>(durable, 1));
        cluster.release_disk(m2);
        cluster.pass(200);
        cluster.deliver_all();
        EXPECT_THAT(cluster.history(m1), ElementsAre("one", "two", "three"));
    }
}

}  // namespace
}  // namespace gavel::paxos
