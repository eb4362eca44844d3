#include "tests/simulation/epochs.h"

#include <gtest/gtest.h>

#include "tests/simulation/failure.h"

namespace gavel::simulation {
namespace {

using paxos::MemberId;
using paxos::Slot;
using statemachine::Role;

statemachine::Epoch epoch(std::uint64_t number, std::uint64_t first_slot,
                          const std::vector<std::uint16_t>& voters,
                          const std::vector<std::uint16_t>& learners = {}) {
    statemachine::Epoch epoch{.number = number, .first_slot = first_slot};
    for (const std::uint16_t id : voters) epoch.members.push_back({.id = id});
    for (const std::uint16_t id : learners) {
        epoch.members.push_back({.id = id, .role = Role::learner});
    }
    return epoch;
}

std::set<MemberId> members(const std::vector<std::uint16_t>& ids) {
    std::set<MemberId> members;
    for (const std::uint16_t id : ids) members.insert({id});
    return members;
}

TEST(Epochs, CountTheQuorumOfEachSlotInTheEpochThatGovernsIt) {
    Epochs epochs;
    epochs.learn({.alpha = 8, .epochs = {epoch(1, 1, {1, 2, 3})}});

    // The command in slot 4 replaces everybody from slot 12 on.
    epochs.learn(
        {.applied = 4, .alpha = 8, .epochs = {epoch(1, 1, {1, 2, 3}), epoch(2, 12, {4, 5, 6, 7})}});

    EXPECT_TRUE(epochs.is_quorum(Slot{11}, members({1, 3})));
    EXPECT_FALSE(epochs.is_quorum(Slot{11}, members({3, 4, 5, 6, 7})));
    EXPECT_FALSE(epochs.is_quorum(Slot{12}, members({1, 2, 3})));
    EXPECT_FALSE(epochs.is_quorum(Slot{12}, members({4, 5})));
    EXPECT_TRUE(epochs.is_quorum(Slot{12}, members({4, 5, 6})));
}

TEST(Epochs, RememberThoseTheStateHasForgotten) {
    Epochs epochs;
    epochs.learn({.alpha = 1, .epochs = {epoch(1, 1, {1})}});

    epochs.learn({.applied = 20, .alpha = 1, .epochs = {epoch(2, 10, {2})}});

    EXPECT_TRUE(epochs.is_quorum(Slot{9}, members({1})));
    EXPECT_FALSE(epochs.is_quorum(Slot{9}, members({2})));
}

TEST(Epochs, DoNotCountLearners) {
    Epochs epochs;

    epochs.learn({.alpha = 1, .epochs = {epoch(1, 1, {1, 2, 3}, {4, 5})}});

    EXPECT_FALSE(epochs.is_quorum(Slot{1}, members({1, 4, 5})));
}

TEST(Epochs, AreKnownOnlyUpToAlphaSlotsBeyondWhatIsExecuted) {
    Epochs epochs;

    epochs.learn({.applied = 4, .alpha = 3, .epochs = {epoch(1, 1, {1})}});

    EXPECT_TRUE(epochs.knows(Slot{7}));
    EXPECT_FALSE(epochs.knows(Slot{8}));
    EXPECT_THROW((void)epochs.is_quorum(Slot{8}, members({1})), Failure);
}

}  // namespace
}  // namespace gavel::simulation
