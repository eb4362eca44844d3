#include <gmock/gmock.h>

#include "driver.h"

namespace gavel::statemachine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Reason = MembersRefused::Reason;

constexpr Revision alpha = 8;  // The driver's.

// A cluster of two voters, n1 and n2, whose member set changes.
class MembersTest : public testing::Test {
protected:
    const Globals& globals() const { return driver.machine().globals(); }
    const Epoch& newest() const { return globals().epochs.back(); }
    const Epoch& governing() const { return globals().epochs.front(); }

    Outcome change(std::vector<MemberChange> changes) {
        return driver.outcome(ChangeMembers{newest().number, std::move(changes)});
    }
    MemberNumber add(const std::string& name, std::uint64_t incarnation = 0) {
        const auto outcome = change({AddMember{name, name + ":1", incarnation, false}});
        return std::get<MembersChanged>(outcome).added.at(0);
    }
    void pass_window() {
        for (Revision i = 0; i < alpha; ++i) driver.noop();
    }
    static std::vector<std::string> names(const Epoch& epoch) {
        std::vector<std::string> names;
        for (const Member& member : epoch.members) {
            names.push_back(member.name + (member.role == Role::voter ? "" : "?"));
        }
        return names;
    }

    Driver driver;
};

TEST_F(MembersTest, GovernFromAlphaSlotsLater) {
    const Revision slot = driver.next_slot();

    const auto outcome = change({RemoveMember{2}});

    EXPECT_EQ(outcome, Outcome(MembersChanged{2, slot + alpha, {}}));
    for (Revision i = 1; i < alpha; ++i) {
        EXPECT_THAT(names(governing()), ElementsAre("n1", "n2")) << i;
        driver.noop();
        driver.machine().check_invariants();
    }
    EXPECT_THAT(names(governing()), ElementsAre("n1"));
    EXPECT_THAT(globals().epochs, SizeIs(1));
}

TEST_F(MembersTest, AreLearnersFirst) {
    const MemberNumber third = add("n3", 33);
    EXPECT_THAT(names(newest()), ElementsAre("n1", "n2", "n3?"));

    change({SetRole{third, Role::voter}});
    EXPECT_THAT(names(newest()), ElementsAre("n1", "n2", "n3"));
}

TEST_F(MembersTest, NeverGetAnIdThatWasUsedBefore) {
    const MemberNumber third = add("n3");
    change({RemoveMember{third}});
    pass_window();

    EXPECT_EQ(add("n3"), third + 1);
    EXPECT_EQ(globals().next_member, third + 2);
}

TEST_F(MembersTest, AreAllReplacedByOneCommand) {
    const MemberNumber a = add("a"), b = add("b");

    change({SetRole{a, Role::voter}, SetRole{b, Role::voter}, RemoveMember{1}, RemoveMember{2}});

    EXPECT_THAT(names(newest()), ElementsAre("a", "b"));
    EXPECT_THAT(globals().removed, ElementsAre(RemovedMember{1, "n1", newest().first_slot},
                                               RemovedMember{2, "n2", newest().first_slot}));
}

TEST_F(MembersTest, AreChangedByOneWhoKnowsThePresentSetOnly) {
    add("n3");
    const Globals before = globals();

    const auto outcome = driver.outcome(ChangeMembers{1, {RemoveMember{2}}});

    EXPECT_EQ(outcome, Outcome(EpochMismatch{2}));
    EXPECT_EQ(globals().epochs, before.epochs);
}

TEST_F(MembersTest, JoinWhateverElseChanges) {
    add("n3");
    const auto joins = driver.outcome(ChangeMembers{0, {AddMember{"n4", "n4:1", 44, true}}});
    EXPECT_THAT(std::get<MembersChanged>(joins).added, ElementsAre(4));

    EXPECT_EQ(driver.outcome(ChangeMembers{0, {RemoveMember{2}}}), Outcome(EpochMismatch{3}));
}

TEST_F(MembersTest, FindTheirPlaceAgainWhenTheyAskTwice) {
    const MemberNumber id = add("n3", 33);
    const Epoch before = newest();

    EXPECT_EQ(add("n3", 33), id);
    EXPECT_EQ(newest(), before);
}

TEST_F(MembersTest, ClaimAPlaceThatWasRegisteredAheadOfThem) {
    const MemberNumber id = add("n3");

    EXPECT_EQ(add("n3", 33), id);

    EXPECT_EQ(newest().members.back().incarnation, 33U);
    EXPECT_EQ(change({AddMember{"n3", "n3:1", 34, false}}),
              Outcome(MembersRefused{Reason::name_taken, id}));
}

TEST_F(MembersTest, HaveNamesAndAddressesOfTheirOwn) {
    EXPECT_EQ(change({AddMember{"n1", "other:1"}}), Outcome(MembersRefused{Reason::name_taken, 1}));
    const MemberNumber id = add("n3");
    EXPECT_EQ(change({AddMember{"n4", "n3:1"}}),
              Outcome(MembersRefused{Reason::address_taken, id}));
}

TEST_F(MembersTest, AreOneDirectoryUnderOneNameAndAddress) {
    const MemberNumber id = add("n3", 33);
    EXPECT_EQ(change({AddMember{"n3", "elsewhere:1", 33}}),
              Outcome(MembersRefused{Reason::registered_otherwise, id}));
    EXPECT_EQ(change({AddMember{"n4", "n3:1", 33}}),
              Outcome(MembersRefused{Reason::registered_otherwise, id}));
}

TEST_F(MembersTest, NeverShareAnIdThoughOneLeavesByTheCommandThatItCameWith) {
    const auto outcome = change({AddMember{"n3", "n3:1", 33}, RemoveMember{3}});
    EXPECT_THAT(std::get<MembersChanged>(outcome).added, ElementsAre(3));

    EXPECT_EQ(add("n4"), 4);
}

TEST_F(MembersTest, StayAsTheyAreWhenOneChangeOfSeveralCannotBe) {
    const Globals before = globals();

    const auto outcome = change({AddMember{"n3", "n3:1"}, RemoveMember{9}});

    EXPECT_EQ(outcome, Outcome(MembersRefused{Reason::no_such_member, 9}));
    EXPECT_EQ(globals().epochs, before.epochs);
    EXPECT_EQ(globals().next_member, before.next_member);
}

TEST_F(MembersTest, KeepAVoterAndTheirBounds) {
    EXPECT_EQ(change({RemoveMember{1}, SetRole{2, Role::learner}}),
              Outcome(MembersRefused{Reason::no_voter_left}));

    std::vector<MemberChange> many;
    for (int i = 0; i < 6; ++i) {
        const std::string name = "v" + std::to_string(i);
        many.emplace_back(AddMember{name, name + ":1"});
    }
    const auto added = std::get<MembersChanged>(change(many)).added;
    std::vector<MemberChange> promote;
    for (const MemberNumber id : added) promote.emplace_back(SetRole{id, Role::voter});
    EXPECT_EQ(change(promote), Outcome(MembersRefused{Reason::too_many_voters}));

    // A vote that is only wanted counts, too: it would be asked for and refused for ever.
    promote.pop_back();
    change(promote);
    EXPECT_EQ(change({AddMember{"w", "w:1", 0, true}}),
              Outcome(MembersRefused{Reason::too_many_voters}));

    for (std::size_t i = 0; i < driver.machine().limits().members; ++i) {
        const std::string name = "l" + std::to_string(i);
        const auto outcome = change({AddMember{name, name + ":1"}});
        if (const auto* refused = std::get_if<MembersRefused>(&outcome)) {
            EXPECT_EQ(refused->reason, Reason::too_many_members);
            EXPECT_THAT(newest().members, SizeIs(driver.machine().limits().members));
            return;
        }
        pass_window();
    }
    FAIL() << "there is no bound";
}

TEST(Members, HaveABoundOnWhatIsPending) {
    Driver driver({.pending_epochs = 2});
    const auto remove_and_add = [&](const std::string& name) {
        return driver.outcome(ChangeMembers{0, {AddMember{name, name + ":1"}}});
    };
    remove_and_add("a");
    remove_and_add("b");
    EXPECT_EQ(remove_and_add("c"), Outcome(MembersRefused{Reason::too_many_pending}));
}

TEST_F(MembersTest, ArePinnedToTheDirectoryThatWasSeenFirst) {
    driver.run(PinMembers{{{1, 11}, {9, 99}}});
    driver.run(PinMembers{{{1, 12}, {2, 22}}});

    EXPECT_EQ(governing().members[0].incarnation, 11U);
    EXPECT_EQ(governing().members[1].incarnation, 22U);
    EXPECT_EQ(governing().number, 1U) << "no new epoch";
}

TEST_F(MembersTest, ArePinnedInPendingEpochsToo) {
    add("n3");
    driver.run(PinMembers{{{1, 11}}});
    EXPECT_EQ(newest().members[0].incarnation, 11U);
    EXPECT_EQ(governing().members[0].incarnation, 11U);
}

TEST_F(MembersTest, MayWantToVote) {
    const auto outcome = change({AddMember{"n3", "n3:1", 33, true}});
    const MemberNumber id = std::get<MembersChanged>(outcome).added[0];
    EXPECT_TRUE(newest().members.back().wants_vote);
    EXPECT_EQ(newest().members.back().role, Role::learner);

    change({SetRole{id, Role::voter}});
    EXPECT_FALSE(newest().members.back().wants_vote);
}

TEST(Members, AreRememberedWhenTheyLeftWithinABound) {
    Driver driver({.removed_members = 2});
    for (int i = 0; i < 3; ++i) {
        const std::string name = "m" + std::to_string(i);
        const auto added = driver.outcome(ChangeMembers{0, {AddMember{name, name + ":1"}}});
        const auto id = std::get<MembersChanged>(added).added[0];
        driver.run(
            ChangeMembers{driver.machine().globals().epochs.back().number, {RemoveMember{id}}});
    }
    const auto& removed = driver.machine().globals().removed;
    ASSERT_THAT(removed, SizeIs(2));
    EXPECT_EQ(removed[0].name, "m1");
    EXPECT_EQ(removed[1].name, "m2");
}

// What is remembered of its requests goes with it; so nothing of it may be executed afterwards.
TEST_F(MembersTest, ExecuteNothingOnceTheyAreGone) {
    const Entry entry{.request = {.member = 2, .boot = 1, .number = 1},
                      .command = PutKey{.key = "k", .value = "v"}};
    driver.run(entry);
    change({RemoveMember{2}});
    EXPECT_TRUE(driver.run(entry).repeated) << "it is a member still";
    pass_window();

    EXPECT_EQ(driver.run(entry).outcome, Outcome(RequestTooOld{}));

    for (const auto& [key, value] : driver.stored()) EXPECT_NE(key.table, Table::requests);
}

TEST_F(MembersTest, TellWhoWatchesThemOfANewcomer) {
    const std::string from = std::to_string(driver.next_slot() + alpha);
    const auto applied = driver.run(ChangeMembers{1, {AddMember{"n3", "n3:1", 33, true}}});
    EXPECT_THAT(lines(applied.events), ElementsAre("0! added n3 m3? e2 from " + from));
}

TEST_F(MembersTest, TellOfOneCommandsChangesAsOneRevision) {
    add("n3");
    const std::string from = " e3 from " + std::to_string(driver.next_slot() + alpha);

    const auto applied =
        driver.run(ChangeMembers{newest().number,
                                 {AddMember{"n4", "n4:1", 44, false}, SetRole{3, Role::voter},
                                  SetRole{4, Role::voter}, RemoveMember{2}}});

    EXPECT_THAT(
        lines(applied.events),
        ElementsAre("0 removed n2 m2" + from, "1 role of n3 m3" + from, "2! added n4 m4" + from));
    EXPECT_EQ(driver.machine().history(applied.revision - 1, 1).at(0)->events.size(), 3U);
}

TEST_F(MembersTest, TellOfNothingThatIsOnlyKnownBetter) {
    add("n3");
    EXPECT_THAT(driver.run(ChangeMembers{0, {AddMember{"n3", "n3:1", 33, true}}}).events, IsEmpty())
        << "claimed";
    EXPECT_THAT(driver.run(PinMembers{{{1, 11}}}).events, IsEmpty());
    EXPECT_THAT(driver.run(ChangeMembers{newest().number, {RemoveMember{9}}}).events, IsEmpty())
        << "refused";
}

TEST_F(MembersTest, AreRestoredWithWhatIsPending) {
    add("n3", 33);
    change({RemoveMember{2}});
    driver.run(OpenSession{.name = "s", .ttl = 1'000});

    EXPECT_EQ(driver.restored().globals(), globals());
    EXPECT_EQ(driver.restored().hash(), driver.machine().hash());
}

}  // namespace
}  // namespace gavel::statemachine
