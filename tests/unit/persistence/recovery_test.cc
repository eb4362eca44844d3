#include "persistence/recovery.h"

#include <gtest/gtest.h>

namespace gavel::persistence {
namespace {

using namespace paxos;  // NOLINT(google-build-using-namespace)

constexpr Ballot older{.round = 5, .member = {1}};
constexpr Ballot newer{.round = 7, .member = {2}};

Durable replayed(std::initializer_list<Record> records) {
    Durable durable;
    for (const auto& record : records) replay(record, durable);
    return durable;
}

// A log that holds slots 1 to 10, chosen up to `prefix`.
Durable log_of_ten(Slot prefix) {
    Durable log{.promised = newer, .attempted = older, .chosen_prefix = prefix};
    for (std::uint64_t number = 1; number <= 10; ++number) {
        log.log[{number}] = {{newer, {"command"}}, false};
    }
    return log;
}

TEST(Replay, RemembersTheHighestBallotsWhateverTheirOrder) {
    const Durable durable =
        replayed({PromiseRecord{newer}, PromiseRecord{older}, AttemptRecord{older}});

    EXPECT_EQ(durable.promised, newer);
    EXPECT_EQ(durable.attempted, older);
}

TEST(Replay, TakesAnAcceptForAPromise) {
    const Durable durable = replayed({PromiseRecord{older}, AcceptRecord{{4}, {newer, {"value"}}}});

    EXPECT_EQ(durable.promised, newer);
    EXPECT_EQ(durable.log.at({4}), (LogEntry{{newer, {"value"}}, false}));
}

TEST(Replay, KeepsTheAcceptedBallotOfWhatIsLearned) {
    const Durable durable =
        replayed({AcceptRecord{{4}, {older, {"mine"}}}, ChosenRecord{{4}, {"theirs"}}});

    EXPECT_EQ(durable.log.at({4}), (LogEntry{{older, {"theirs"}}, true}));
}

TEST(Replay, KeepsWhatIsChosenChosenWhenItIsAcceptedAgain) {
    const Durable durable =
        replayed({ChosenRecord{{4}, {"value"}}, AcceptRecord{{4}, {newer, {"value"}}}});

    EXPECT_EQ(durable.log.at({4}), (LogEntry{{newer, {"value"}}, true}));
}

TEST(Replay, HealsAFaultySlot) {
    Durable durable{.faulty = {{4}, {5}}};

    replay(AcceptRecord{{4}, {newer, {"value"}}}, durable);
    replay(ChosenRecord{{5}, {"value"}}, durable);

    EXPECT_TRUE(durable.faulty.empty());
}

TEST(Replay, NeverLowersThePrefix) {
    EXPECT_EQ(replayed({PrefixRecord{{9}}, PrefixRecord{{8}}}).chosen_prefix, Slot{9});
}

TEST(Recovery, TakesTheLargerOfBothPrefixes) {
    EXPECT_EQ(recover(log_of_ten({6}), {4}).chosen_prefix, Slot{6});
    EXPECT_EQ(recover(log_of_ten({4}), {6}).chosen_prefix, Slot{6});
}

TEST(Recovery, LeavesBallotsAndWhatWasAcceptedAlone) {
    const Durable log = log_of_ten({6});

    const Durable recovered = recover(log, {4});

    EXPECT_EQ(recovered.promised, log.promised);
    EXPECT_EQ(recovered.attempted, log.attempted);
    EXPECT_EQ(recovered.log, log.log);
    EXPECT_TRUE(recovered.faulty.empty());
}

TEST(Recovery, CallsAHoleBetweenTheStateAndThePrefixFaulty) {
    Durable log = log_of_ten({6});
    log.log.erase({5});

    EXPECT_EQ(recover(log, {4}).faulty, std::set<Slot>{{5}});
}

TEST(Recovery, TakesAHoleAboveThePrefixForWhatItIs) {
    Durable log = log_of_ten({6});
    log.log.erase({8});

    EXPECT_TRUE(recover(log, {4}).faulty.empty()) << "nothing was accepted there";
}

TEST(Recovery, KeepsFaultySlotsAboveTheState) {
    Durable log = log_of_ten({6});
    log.log.erase({5});
    log.log.erase({8});
    log.faulty = {{5}, {8}};

    EXPECT_EQ(recover(log, {4}).faulty, (std::set<Slot>{{5}, {8}}));
}

TEST(Recovery, TakesWhatIsFaultyInTheStateAlreadyForCut) {
    Durable log = log_of_ten({6});
    log.log.erase({2});
    log.faulty = {{2}};

    const Durable recovered = recover(log, {4});

    EXPECT_TRUE(recovered.faulty.empty());
    EXPECT_EQ(recovered.cut, Slot{2});
    EXPECT_EQ(recovered.log.begin()->first, Slot{3});
}

TEST(Recovery, MissesNothingThatTheStateHolds) {
    Durable log = log_of_ten({6});
    log.log.erase(log.log.begin(), log.log.find({5}));
    log.cut = {3};

    const Durable recovered = recover(log, {4});

    EXPECT_TRUE(recovered.faulty.empty());
    EXPECT_EQ(recovered.cut, Slot{3});
    EXPECT_EQ(recovered.log.size(), 6U);
}

TEST(Recovery, OfAnEmptyLogBehindAStateStandsAtTheState) {
    const Durable recovered = recover({}, {40});

    EXPECT_EQ(recovered.chosen_prefix, Slot{40});
    EXPECT_TRUE(recovered.log.empty());
    EXPECT_TRUE(recovered.faulty.empty());
}

}  // namespace
}  // namespace gavel::persistence
