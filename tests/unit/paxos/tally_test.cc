#include "paxos/tally.h"

#include <gtest/gtest.h>

namespace gavel::paxos {
namespace {

constexpr MemberId m1{1}, m2{2}, m3{3}, m4{4};
constexpr Ballot old{1, m1}, young{2, m2};
const Epoch three{.number = 1, .voters = {m1, m2, m3}, .learners = {m4}};

TEST(Tally, CountsAQuorumOfVotersAtOneBallot) {
    Tally tally(100);
    tally.add(m1, {old, {1}});
    tally.add(m1, {old, {1}});
    tally.add(m4, {old, {1}});
    EXPECT_FALSE(tally.quorum_in({1}, three)) << "one voter, told twice, and one without a vote";

    tally.add(m3, {old, {1}});
    EXPECT_EQ(tally.quorum_in({1}, three), old);
    EXPECT_FALSE(tally.quorum_in({2}, three));
}

TEST(Tally, NeverAddsUpVotesOfTwoBallots) {
    Tally tally(100);
    tally.add(m1, {old, {1}});
    tally.add(m2, {young, {1}});
    EXPECT_FALSE(tally.quorum_in({1}, three));
    tally.add(m3, {old, {1}});
    EXPECT_FALSE(tally.quorum_in({1}, three)) << "an older ballot does not come back";
    tally.add(m1, {young, {1}});
    EXPECT_EQ(tally.quorum_in({1}, three), young);
    EXPECT_EQ(tally.last_voter({1}), m1);
}

TEST(Tally, KeepsNothingThatIsKnownOrFarAhead) {
    Tally tally(10);
    tally.on_prefix({5});
    for (std::uint64_t slot = 1; slot <= 100; ++slot) tally.add(m1, {old, {slot}});
    EXPECT_EQ(tally.size(), 10U);
    tally.on_prefix({12});
    EXPECT_EQ(tally.size(), 3U);
    EXPECT_EQ(tally.last_voter({12}), MemberId{});
}

}  // namespace
}  // namespace gavel::paxos
