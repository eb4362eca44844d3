#include "api/member_plan.h"

#include <gmock/gmock.h>

#include "tests/unit/api/fake_gateway.h"

namespace gavel::api {
namespace {

using statemachine::AddMember;
using statemachine::ChangeMembers;
using statemachine::EpochMismatch;
using statemachine::Member;
using statemachine::MemberNumber;
using statemachine::MembersChanged;
using statemachine::RemoveMember;
using statemachine::Role;
using statemachine::SetRole;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using Verdict = MemberPlan::Verdict;

// A member of a cluster: "v" votes, "l" learns; then what this member, the first one, knows of it:
// nothing more is well, "?" was never heard from, "x" is away, "s" is slow.
Status cluster(const std::vector<std::string>& members) {
    Status status{.member_id = 1,
                  .leader_id = 1,
                  .chosen = 10'000,
                  .applied = 10'000,
                  .epoch = 3,
                  .alpha = 64};
    statemachine::Epoch epoch{.number = 3, .first_slot = 500, .members = {}};
    for (const auto& text : members) {
        const auto id = static_cast<MemberNumber>(epoch.members.size() + 1);
        const auto member =
            api::testing::a_member(id, text[0] == 'v' ? Role::voter : Role::learner);
        const char state = text.size() > 1 ? text[1] : ' ';
        MemberView view{.member = member};
        if (state != '?') {
            view.lag = state == 's' ? caught_up_lag_max + 1 : 10;
            view.applied = 10'000 - *view.lag;
            view.last_contact =
                state == 'x' ? reachable_within + milliseconds(1) : milliseconds(90);
        }
        status.members.push_back(view);
        epoch.members.push_back(member);
    }
    status.epochs = {epoch};
    return status;
}

std::string reasons(const MemberPlan& plan) {
    std::string text;
    for (const auto& reason : plan.reasons) {
        text += (text.empty() ? "" : " ") + std::string(reason.code);
    }
    return text;
}

TEST(MemberPlan, TellsWhatIsSafeFromWhatIsNot) {
    const AddMember n9{.name = "n9", .peer_address = "db9:7500"};
    const AddMember voting{.name = "n9", .peer_address = "db9:7500", .wants_vote = true};
    const SetRole promote4{4, Role::voter}, demote3{3, Role::learner};
    const ReplaceVoters first_two{{1, 2}};
    struct Case {
        std::vector<std::string> members;
        MemberWish wish;
        Verdict verdict;
        std::string why;
        std::vector<MemberNumber> voters;
    };
    const Case cases[] = {
        // The dead are removed with ease, as long as those who live are a majority.
        {{"v", "v", "vx"},
         RemoveMember{3},
         Verdict::safe,
         "fewer-faults-tolerated even-voters",
         {1, 2}},
        {{"v", "v", "v?"},
         RemoveMember{3},
         Verdict::safe,
         "fewer-faults-tolerated even-voters",
         {1, 2}},
        {{"v", "v", "v", "vx", "vx"},
         RemoveMember{5},
         Verdict::safe,
         "no-spare-voter fewer-faults-tolerated even-voters",
         {1, 2, 3, 4}},
        {{"v", "v", "v", "vx", "vx"},
         ReplaceVoters{{1, 2, 3}},
         Verdict::safe,
         "fewer-faults-tolerated",
         {1, 2, 3}},
        {{"v", "v", "v", "vx"}, RemoveMember{4}, Verdict::safe, "", {1, 2, 3}},
        // The living are not, when that leaves less.
        {{"v", "v", "vx"},
         RemoveMember{2},
         Verdict::unsafe,
         "no-live-majority fewer-faults-tolerated even-voters",
         {1, 3}},
        {{"v", "v", "vs"},
         RemoveMember{2},
         Verdict::unsafe,
         "no-live-majority fewer-faults-tolerated even-voters",
         {1, 3}},
        {{"v", "v", "v", "vx", "vx"},
         RemoveMember{2},
         Verdict::unsafe,
         "no-live-majority fewer-faults-tolerated even-voters",
         {1, 3, 4, 5}},
        {{"v", "v", "vx"},
         SetRole{2, Role::learner},
         Verdict::unsafe,
         "no-live-majority fewer-faults-tolerated even-voters",
         {1, 3}},
        {{"v", "vx"}, RemoveMember{1}, Verdict::unsafe, "no-live-majority leader-leaves", {2}},
        {{"v", "v", "v"},
         RemoveMember{1},
         Verdict::safe,
         "fewer-faults-tolerated even-voters leader-leaves",
         {2, 3}},
        {{"v", "v", "v"},
         SetRole{1, Role::learner},
         Verdict::safe,
         "fewer-faults-tolerated even-voters leader-leaves",
         {2, 3}},
        {{"v", "v"}, RemoveMember{2}, Verdict::safe, "", {1}},
        // Only who is there and has caught up gets a vote.
        {{"v", "v", "v", "l"}, promote4, Verdict::safe, "even-voters", {1, 2, 3, 4}},
        {{"v", "v", "v", "ls"},
         promote4,
         Verdict::unsafe,
         "not-caught-up no-spare-voter even-voters",
         {1, 2, 3, 4}},
        {{"v", "v", "v", "lx"},
         promote4,
         Verdict::unsafe,
         "not-caught-up no-spare-voter even-voters",
         {1, 2, 3, 4}},
        {{"v", "v", "v", "l?"},
         promote4,
         Verdict::unsafe,
         "not-caught-up no-spare-voter even-voters",
         {1, 2, 3, 4}},
        {{"v", "l", "l", "l?"}, SetRole{2, Role::voter}, Verdict::safe, "even-voters", {1, 2}},
        {{"v", "l?"},
         SetRole{2, Role::voter},
         Verdict::unsafe,
         "not-caught-up no-live-majority even-voters",
         {1, 2}},
        {{"v", "vx", "v", "l"}, ReplaceVoters{{1, 3, 4}}, Verdict::safe, "", {1, 3, 4}},
        {{"v", "vx", "v", "l?"},
         ReplaceVoters{{1, 3, 4}},
         Verdict::unsafe,
         "not-caught-up no-spare-voter",
         {1, 3, 4}},
        // Learners come and go, whoever is away.
        {{"v", "vx", "vx"}, n9, Verdict::safe, "", {1, 2, 3}},
        {{"v", "v", "v"}, voting, Verdict::safe, "votes-once-caught-up", {1, 2, 3}},
        {{"v", "vx", "vx", "lx"}, RemoveMember{4}, Verdict::safe, "", {1, 2, 3}},
        // What is so already.
        {{"v", "vx", "vx"}, SetRole{1, Role::voter}, Verdict::safe, "nothing-to-do", {1, 2, 3}},
        {{"v", "v", "l"}, demote3, Verdict::safe, "nothing-to-do", {1, 2}},
        {{"v", "v", "l"}, first_two, Verdict::safe, "nothing-to-do", {1, 2}},
        // What the state machine refuses.
        {{"v", "v", "v"}, promote4, Verdict::impossible, "no-such-member", {1, 2, 3}},
        {{"v", "v", "v"}, RemoveMember{4}, Verdict::impossible, "no-such-member", {1, 2, 3}},
        {{"v", "v", "v"}, ReplaceVoters{{1, 4}}, Verdict::impossible, "no-such-member", {1, 2, 3}},
        {{"v", "l"}, RemoveMember{1}, Verdict::impossible, "no-voter-left", {1}},
        {{"v", "v", "v", "v", "v", "v", "v", "l"},
         SetRole{8, Role::voter},
         Verdict::impossible,
         "too-many-voters",
         {1, 2, 3, 4, 5, 6, 7}},
        {{"v", "v"},
         AddMember{.name = "n2", .peer_address = "db9:7500"},
         Verdict::impossible,
         "name-taken",
         {1, 2}},
        {{"v", "v"},
         AddMember{.name = "n9", .peer_address = "127.0.0.1:7501"},
         Verdict::impossible,
         "address-taken",
         {1, 2}},
    };
    for (const auto& [members, wish, verdict, why, voters] : cases) {
        const auto plan = plan_members(cluster(members), wish);

        SCOPED_TRACE(::testing::PrintToString(members) + " wish " + std::to_string(wish.index()));
        EXPECT_EQ(to_string(plan.verdict), to_string(verdict));
        EXPECT_EQ(reasons(plan), why);
        EXPECT_EQ(plan.after.ids, voters);
    }
}

TEST(MemberPlan, TellsWhenAndHowMany) {
    const auto plan = plan_members(cluster({"v", "v", "v", "vx", "l"}), RemoveMember{4});

    EXPECT_EQ(plan.expected, statemachine::Outcome(MembersChanged{4, 10'001 + 64, {}}));
    EXPECT_EQ(plan.command, (ChangeMembers{3, {RemoveMember{4}}}));
    EXPECT_EQ(plan.epoch, 4U);
    EXPECT_EQ(plan.from_slot, 10'065U);
    EXPECT_EQ(plan.before.quorum(), 3U);
    EXPECT_EQ(plan.before.faults_tolerated(), 1U);
    EXPECT_EQ(plan.before.live, 3U);
    EXPECT_EQ(plan.after.quorum(), 2U);
    EXPECT_EQ(plan.after.faults_tolerated(), 1U);
    EXPECT_EQ(plan.after.live, 3U);
    EXPECT_EQ(plan.members.size(), 4U);
}

TEST(MemberPlan, KnowsItselfToBeThere) {
    auto status = cluster({"v?", "v", "v"});

    const auto plan = plan_members(status, RemoveMember{3});

    EXPECT_EQ(plan.after.live, 2U);
    EXPECT_EQ(plan.members[0].lag, 0U);
}

TEST(MemberPlan, HoldsThoseWhoAreJustNearEnoughForCaughtUp) {
    auto status = cluster({"v", "l"});
    status.members[1].lag = caught_up_lag_max;
    status.members[1].last_contact = reachable_within;

    EXPECT_EQ(plan_members(status, SetRole{2, Role::voter}).verdict, Verdict::safe);
    status.members[1].lag.reset();
    EXPECT_EQ(plan_members(status, SetRole{2, Role::voter}).verdict, Verdict::unsafe);
}

TEST(MemberPlan, ReplacesVotersByTheFewestChanges) {
    const auto plan = plan_members(cluster({"v", "v", "v", "l", "l"}), ReplaceVoters{{4, 1}});

    EXPECT_EQ(plan.command,
              (ChangeMembers{3, {SetRole{4, Role::voter}, RemoveMember{2}, RemoveMember{3}}}));
    EXPECT_THAT(plan.after.ids, ElementsAre(1, 4));
    EXPECT_EQ(plan.members.back().member.id, 5);
}

TEST(MemberPlan, GoesOutFromTheNewestEpochThoughItDoesNotGovernYet) {
    auto status = cluster({"v", "v", "v"});
    auto pending = status.epochs[0];
    pending.number = 4;
    pending.first_slot = 10'050;
    pending.members.pop_back();
    status.epochs.push_back(pending);

    const auto plan = plan_members(status, RemoveMember{2});

    EXPECT_EQ(plan.command.based_on, 4U);
    EXPECT_EQ(plan.epoch, 5U);
    EXPECT_THAT(plan.before.ids, ElementsAre(1, 2));
    EXPECT_THAT(plan.after.ids, ElementsAre(1));
    EXPECT_EQ(reasons(plan_members(status, RemoveMember{3})), "no-such-member");
}

TEST(MemberPlan, IsOfTheEpochThatWasAskedForOrOfNone) {
    const auto status = cluster({"v", "v", "v"});

    EXPECT_EQ(plan_members(status, RemoveMember{3}, 3).command.based_on, 3U);
    for (const std::uint64_t other : {2U, 4U}) {
        const auto plan = plan_members(status, RemoveMember{3}, other);
        EXPECT_EQ(plan.expected, statemachine::Outcome(EpochMismatch{3}));
        EXPECT_EQ(plan.verdict, Verdict::impossible);
        EXPECT_EQ(reasons(plan), "epoch-mismatch");
    }
}

TEST(MemberPlan, AddsWhoeverElseChangesTheSetUnlessAskedNotTo) {
    const AddMember add{.name = "n9", .peer_address = "db9:7500"};
    const auto status = cluster({"v", "v", "v"});

    const auto plan = plan_members(status, add);

    EXPECT_EQ(plan.command.based_on, 0U);
    EXPECT_EQ(plan.members.back().member.name, "n9");
    EXPECT_EQ(plan.members.back().member.id, 0);
    EXPECT_FALSE(plan.members.back().reachable);
    EXPECT_EQ(plan_members(status, add, 3).command.based_on, 3U);
    EXPECT_EQ(plan_members(status, add, 2).verdict, Verdict::impossible);
}

TEST(MemberPlan, FindsAMemberThatIsThereAlready) {
    auto status = cluster({"v", "v", "l"});

    const auto plan = plan_members(
        status, AddMember{.name = "n3", .peer_address = "127.0.0.1:7502", .wants_vote = true});

    EXPECT_EQ(plan.members.size(), 3U);
    EXPECT_EQ(plan.members[2].member.id, 3);
    EXPECT_TRUE(plan.members[2].member.wants_vote);
    EXPECT_EQ(plan.epoch, 3U);
}

TEST(MemberPlan, RefusesWhatIsTooMuch) {
    auto status = cluster({"v", "v", "v"});
    while (status.epochs.size() <= 2) {
        auto next = status.epochs.back();
        ++next.number;
        ++next.first_slot;
        status.epochs.push_back(next);
    }
    EXPECT_EQ(reasons(plan_members(status, RemoveMember{3}, {}, {.pending_epochs = 2})),
              "too-many-pending");
    EXPECT_EQ(reasons(plan_members(cluster({"v", "v"}),
                                   AddMember{.name = "n9", .peer_address = "db9:7500"}, {},
                                   {.members = 2})),
              "too-many-members");
}

}  // namespace
}  // namespace gavel::api
