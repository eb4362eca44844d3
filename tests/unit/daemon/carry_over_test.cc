#include "daemon/carry_over.h"

#include <gmock/gmock.h>

#include <string>

#include "base/prng.h"
#include "paxos/quorum.h"

namespace gavel::daemon {
namespace {

using paxos::Ballot;
using paxos::Durable;
using paxos::LogEntry;
using paxos::Slot;
using paxos::Value;
using testing::ElementsAre;
using testing::IsEmpty;

Ballot ballot(std::uint64_t round) { return {.round = round, .member = {1}}; }
Value value(const std::string& text) { return {Bytes(std::string(text))}; }
LogEntry accepted(std::uint64_t round, const std::string& text) {
    return {{ballot(round), value(text)}, false};
}
LogEntry chosen(const std::string& text) { return {{{}, value(text)}, true}; }

CarriedOver carry(const std::vector<Durable>& logs, std::uint64_t applied,
                  std::optional<std::uint64_t> gap_max = {}) {
    return carry_over(logs, {applied}, gap_max);
}

TEST(CarryOver, ExecutesWhatWasAcceptedThoughNobodyKnowsItChosen) {
    const Durable log{.chosen_prefix = {11},
                      .log = {{{11}, accepted(1, "a")}, {{12}, accepted(1, "b")}}};

    const CarriedOver carried = carry({log}, 10);

    EXPECT_THAT(carried.values, ElementsAre(value("a"), value("b")));
    EXPECT_EQ(carried.last, Slot{12});
    EXPECT_EQ(carried.unsure, 1U);
    EXPECT_EQ(carried.sure, Slot{11});
    EXPECT_EQ(carried.known_chosen, Slot{11});
    EXPECT_EQ(carried.highest, Slot{12});
}

TEST(CarryOver, TakesTheValueOfTheHighestBallot) {
    const Durable one{.log = {{{1}, accepted(3, "new")}, {{2}, accepted(1, "old")}}};
    const Durable other{.log = {{{1}, accepted(2, "old")}, {{2}, accepted(4, "new")}}};

    EXPECT_THAT(carry({one, other}, 0).values, ElementsAre(value("new"), value("new")));
    EXPECT_THAT(carry({other, one}, 0).values, ElementsAre(value("new"), value("new")));
}

TEST(CarryOver, TakesWhatIsKnownChosenBeforeAnyBallot) {
    const Durable knows{.log = {{{1}, chosen("this")}}};
    const Durable accepted_other{.log = {{{1}, accepted(9, "not this")}}};

    EXPECT_THAT(carry({knows, accepted_other}, 0).values, ElementsAre(value("this")));
    EXPECT_THAT(carry({accepted_other, knows}, 0).values, ElementsAre(value("this")));
    EXPECT_EQ(carry({accepted_other, knows}, 0).unsure, 0U);
}

TEST(CarryOver, EndsWhereNobodyKnowsAnything) {
    const Durable log{.log = {{{1}, accepted(1, "a")}, {{3}, accepted(1, "c")}}};

    const CarriedOver carried = carry({log}, 0);

    EXPECT_THAT(carried.values, ElementsAre(value("a")));
    EXPECT_THAT(carried.left, ElementsAre(Slot{3}));
    EXPECT_EQ(carried.highest, Slot{3});
}

TEST(CarryOver, FillsGapsThatALostMessageMayLeaveWhenItIsToldTo) {
    const Durable log{.log = {{{1}, accepted(1, "a")},
                              {{3}, accepted(1, "c")},
                              {{4}, accepted(1, "d")},
                              {{9}, accepted(1, "far")}}};

    const CarriedOver carried = carry({log}, 0, 2);

    EXPECT_THAT(carried.values, ElementsAre(value("a"), Value{}, value("c"), value("d")));
    EXPECT_EQ(carried.filled, 1U);
    EXPECT_EQ(carried.unsure, 3U);
    EXPECT_THAT(carried.left, ElementsAre(Slot{9}));
}

TEST(CarryOver, LeavesAloneWhatTheStateHasExecuted) {
    const Durable log{.chosen_prefix = {2},
                      .log = {{{1}, accepted(1, "a")}, {{2}, accepted(1, "b")}},
                      .faulty = {{1}}};

    const CarriedOver carried = carry({log}, 2);

    EXPECT_THAT(carried.values, IsEmpty());
    EXPECT_EQ(carried.last, Slot{2});
    EXPECT_THAT(carried.damaged, IsEmpty());
}

TEST(CarryOver, SaysWhatIsDamagedAndWhatIsGone) {
    const Durable log{.chosen_prefix = {3}, .log = {{{3}, chosen("c")}}, .faulty = {{1}, {2}}};

    const CarriedOver carried = carry({log}, 0);

    EXPECT_THAT(carried.values, IsEmpty());
    EXPECT_THAT(carried.damaged, ElementsAre(Slot{1}, Slot{2}));
    EXPECT_EQ(carried.known_chosen, Slot{3}) << "of which nothing can be executed";
}

// The one that cannot be read may be what was chosen, at a ballot that the other never saw.
TEST(CarryOver, EndsWhereOneCannotReadItsEntryAndNobodyKnowsWhatWasChosen) {
    const Durable damaged{.chosen_prefix = {3}, .log = {{{3}, accepted(2, "c")}}, .faulty = {{2}}};
    const Durable stale{.log = {{{1}, accepted(1, "a")}, {{2}, accepted(1, "stale")}}};

    const CarriedOver carried = carry({damaged, stale}, 0);
    EXPECT_THAT(carried.values, ElementsAre(value("a")));
    EXPECT_THAT(carried.left, ElementsAre(Slot{2}, Slot{3}));

    EXPECT_THAT(carry({damaged, stale}, 0, 1).values,
                ElementsAre(value("a"), value("stale"), value("c")));
    const Durable knows{.log = {{{2}, chosen("b")}}};
    EXPECT_THAT(carry({damaged, stale, knows}, 0).values,
                ElementsAre(value("a"), value("b"), value("c")));
}

TEST(CarryOver, SeesThatTwoLogsCannotBeOfOneCluster) {
    const Durable one{.log = {{{1}, chosen("this")}}};
    const Durable other{.chosen_prefix = {1}, .log = {{{1}, accepted(2, "that")}}};

    EXPECT_EQ(carry({one, other}, 0).contradiction, Slot{1});
    EXPECT_EQ(carry({one, one}, 0).contradiction, std::nullopt);
}

// ---- The promise --------------------------------------------------------------------------------

// A cluster in which leaders come and go by the rules, and messages are lost at random.
class Cluster {
public:
    static constexpr std::uint64_t slots = 12;

    Cluster(std::size_t voters, Prng& chance) : chance_(chance), logs_(voters) {
        for (std::uint64_t at = 1; at <= voters; ++at) {
            epoch_.voters.push_back({static_cast<std::uint16_t>(at)});
        }
        for (std::uint64_t round = 1; round <= 4; ++round) lead(round);
    }

    const std::vector<Durable>& logs() const { return logs_; }
    // Who chose the value of a slot at some ballot: each quorum that did.
    struct Choice {
        Value value{};
        std::set<std::size_t> by{};
    };
    const std::multimap<Slot, Choice>& chosen() const { return chosen_; }

private:
    bool happens() { return chance_.below(3) > 0; }

    void lead(std::uint64_t round) {
        std::vector<std::size_t> promised;
        paxos::Votes promises;
        for (std::size_t at = 0; at < logs_.size(); ++at) {
            if (!happens()) continue;
            promised.push_back(at);
            promises.add(epoch_.voters[at]);
        }
        if (!promises.is_quorum(epoch_)) return;
        for (std::uint64_t slot = 1; slot <= slots; ++slot) propose(round, {slot}, promised);
    }

    void propose(std::uint64_t round, Slot slot, const std::vector<std::size_t>& promised) {
        LogEntry entry = accepted(round, std::to_string(round) + "/" + std::to_string(slot.number));
        Ballot highest{};
        for (const std::size_t at : promised) {
            const auto reported = logs_[at].log.find(slot);
            if (reported == logs_[at].log.end()) continue;
            if (reported->second.proposal.ballot <= highest) continue;
            highest = reported->second.proposal.ballot;
            entry.proposal.value = reported->second.proposal.value;
        }
        paxos::Votes votes;
        std::set<std::size_t> by;
        for (std::size_t at = 0; at < logs_.size(); ++at) {
            if (!happens()) continue;
            logs_[at].log[slot].proposal = entry.proposal;
            votes.add(epoch_.voters[at]);
            by.insert(at);
        }
        if (!votes.is_quorum(epoch_)) return;
        chosen_.emplace(slot, Choice{entry.proposal.value, by});
        // Now and then one of them comes to know.
        for (const std::size_t at : by) {
            if (chance_.below(4) == 0) logs_[at].log[slot].chosen = true;
        }
    }

    Prng& chance_;
    paxos::Epoch epoch_{.number = 1};
    std::vector<Durable> logs_;
    std::multimap<Slot, Choice> chosen_;
};

struct Survivors {
    std::set<std::size_t> who{};
    std::vector<Durable> logs{};
};

Survivors some_of(const std::vector<Durable>& logs, Prng& chance) {
    Survivors left;
    for (std::size_t at = 0; at < logs.size(); ++at) {
        if (chance.below(2) == 0) continue;
        left.who.insert(at);
        left.logs.push_back(logs[at]);
    }
    return left;
}

// Of every slot, up to where nobody left accepted anything, that a majority with a survivor in it
// chose, the chosen value is carried over; with gaps filled, wherever it stands.
TEST(CarryOver, LosesNothingThatAMajorityWithASurvivorInItChose) {
    std::uint64_t kept = 0;
    std::uint64_t kept_behind_a_gap = 0;
    for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
        Prng chance(seed);
        const Cluster cluster(2 + chance.below(4), chance);
        const Survivors left = some_of(cluster.logs(), chance);
        const CarriedOver plain = carry(left.logs, 0);
        const CarriedOver filled = carry(left.logs, 0, Cluster::slots);
        ASSERT_EQ(filled.contradiction, std::nullopt) << "seed " << seed;
        ASSERT_THAT(filled.left, IsEmpty());

        for (const auto& [slot, choice] : cluster.chosen()) {
            const bool witnessed = std::ranges::any_of(
                choice.by, [&](std::size_t at) { return left.who.contains(at); });
            if (!witnessed) continue;
            ASSERT_LE(slot, filled.last) << "seed " << seed;
            ASSERT_EQ(filled.values.at(slot.number - 1), choice.value) << "seed " << seed;
            ++kept_behind_a_gap;
            if (slot > plain.last) continue;
            ASSERT_EQ(plain.values.at(slot.number - 1), choice.value) << "seed " << seed;
            ++kept;
        }
        for (const Slot slot : plain.left) ASSERT_GT(slot, plain.last.next()) << "behind a gap";
    }
    EXPECT_GT(kept, 10'000U);
    EXPECT_GT(kept_behind_a_gap, kept);
}

}  // namespace
}  // namespace gavel::daemon
