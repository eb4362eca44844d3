#include "paxos/quorum.h"

#include <gtest/gtest.h>

#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

TEST(Votes, AreAQuorumWhenMoreThanHalfOfTheVotersGaveOne) {
    for (std::uint16_t size = 1; size <= 7; ++size) {
        Epoch epoch{.number = 1};
        for (std::uint16_t number = 1; number <= size; ++number) epoch.voters.push_back({number});
        Votes votes;
        for (std::uint16_t number = 1; number <= size; ++number) {
            votes.add({number});
            EXPECT_EQ(votes.is_quorum(epoch), number > size / 2) << number << " of " << size;
        }
    }
}

TEST(Votes, CountAMemberOnce) {
    Votes votes;

    EXPECT_TRUE(votes.add(m1));
    EXPECT_FALSE(votes.add(m1));

    EXPECT_FALSE(votes.is_quorum(epoch_of_members(1, {m1, m2})));
}

TEST(Votes, OfLearnersAndStrangersDoNotCount) {
    Votes votes;
    votes.add(m1);
    votes.add(m4);
    votes.add(m5);

    EXPECT_FALSE(votes.is_quorum(epoch_of_members(1, {m1, m2, m3}, {m4})));
}

}  // namespace
}  // namespace gavel::paxos
