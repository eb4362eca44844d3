#include "paxos/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/paxos/driven.h"

namespace gavel::paxos {
namespace {

using ::testing::ElementsAre;

const Epoch first = epoch_of_members(1, {m1, m2, m3});
const Epoch second = epoch_of_members(2, {m3, m4, m5}, {m6});

TEST(Membership, GovernsASlotByWhatTheCommandAlphaBeforeLeft) {
    for (const std::uint64_t alpha : {1U, 2U, 3U, 64U}) {
        Membership membership{alpha, {}, {{Slot{1}, first}}};
        for (std::uint64_t slot = 1; slot < 10; ++slot) membership.on_executed({slot});

        membership.on_executed({10}, second);

        EXPECT_EQ(membership.window_end(), Slot{10 + alpha});
        EXPECT_EQ(membership.epoch_of({10 + alpha}), second);
        if (alpha > 1) {
            EXPECT_EQ(membership.epoch_of({10 + alpha - 1}), first);
        }
    }
}

TEST(Membership, KnowsNoSlotBeyondTheWindow) {
    const Membership membership{3, {5}, {{Slot{1}, first}}};

    EXPECT_TRUE(membership.knows({8}));
    EXPECT_FALSE(membership.knows({9}));
}

TEST(Membership, KeepsSeveralEpochsOfOneWindowApart) {
    const Epoch third = epoch_of_members(3, {m6});
    Membership membership{4, {}, {{Slot{1}, first}}};

    membership.on_executed({1}, second);
    membership.on_executed({2}, third);
    membership.on_executed({3});

    EXPECT_EQ(membership.epoch_of({4}), first);
    EXPECT_EQ(membership.epoch_of({5}), second);
    EXPECT_EQ(membership.epoch_of({6}), third);
    EXPECT_EQ(membership.epoch_of({7}), third);
    EXPECT_THAT(membership.everyone(), ElementsAre(m1, m2, m3, m4, m5, m6));
}

TEST(Membership, ForgetsAnEpochThatGovernsNoOpenSlot) {
    Membership membership{1, {}, {{Slot{1}, first}}};

    membership.on_executed({1}, second);

    EXPECT_FALSE(membership.may_stand(m1));
    EXPECT_TRUE(membership.may_stand(m4));
    EXPECT_FALSE(membership.may_stand(m6)) << "a learner";
    EXPECT_THAT(membership.everyone(), ElementsAre(m3, m4, m5, m6));
}

TEST(Membership, StartsNoNewEpochWhenACommandLeavesTheSet) {
    Membership membership{2, {}, {{Slot{1}, first}}};

    membership.on_executed({1}, first);

    EXPECT_EQ(membership.epoch_of({3}), first);
}

}  // namespace
}  // namespace gavel::paxos
