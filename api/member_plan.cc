#include "api/member_plan.h"

#include <algorithm>

#include "api/durations.h"
#include "api/problem.h"
#include "base/invariant.h"
#include "statemachine/members.h"

namespace gavel::api {
namespace {

using statemachine::Epoch;
using statemachine::Member;
using statemachine::MemberNumber;
using statemachine::Role;
using Level = PlanReason::Level;
using MemberList = std::vector<Member>;

const Member* find(const MemberList& members, MemberNumber id) {
    const auto at = std::ranges::find(members, id, &Member::id);
    return at != members.end() ? &*at : nullptr;
}

bool votes(const MemberList& members, MemberNumber id) {
    const auto* member = find(members, id);
    return member != nullptr && member->role == Role::voter;
}

std::string called(const Member& member) {
    return "member " + std::to_string(member.id) + " (" + member.name + ')';
}

std::string count(std::size_t number, std::string_view what) {
    return std::to_string(number) + ' ' + std::string(what) + (number == 1 ? "" : "s");
}

struct ChangesOf {
    const MemberList& present;

    std::vector<statemachine::MemberChange> operator()(const ReplaceVoters& wish) const {
        std::vector<statemachine::MemberChange> changes;
        for (const auto id : wish.voters) {
            if (!votes(present, id)) changes.emplace_back(statemachine::SetRole{id, Role::voter});
        }
        for (const auto& member : present) {
            const bool stays = std::ranges::find(wish.voters, member.id) != wish.voters.end();
            if (member.role == Role::voter && !stays) {
                changes.emplace_back(statemachine::RemoveMember{member.id});
            }
        }
        return changes;
    }
    std::vector<statemachine::MemberChange> operator()(const auto& wish) const { return {wish}; }
};

PlannedMember planned(const Status& status, const Member& member) {
    PlannedMember planned{.member = member};
    const auto view = std::ranges::find(status.members, member.id,
                                        [](const MemberView& each) { return each.member.id; });
    if (view != status.members.end()) {
        planned.last_contact = view->last_contact;
        planned.lag = view->lag;
    }
    if (member.id == status.member_id) {
        planned.last_contact = std::chrono::milliseconds(0);
        planned.lag = 0;
    }
    planned.reachable = planned.last_contact && *planned.last_contact <= reachable_within;
    planned.caught_up = planned.lag && *planned.lag <= caught_up_lag_max;
    return planned;
}

std::vector<PlannedMember> planned(const Status& status, const MemberList& members) {
    std::vector<PlannedMember> all;
    for (const auto& member : members) all.push_back(planned(status, member));
    return all;
}

Voters voters_of(const std::vector<PlannedMember>& members) {
    Voters voters;
    for (const auto& each : members) {
        if (each.member.role != Role::voter) continue;
        voters.ids.push_back(each.member.id);
        if (each.reachable && each.caught_up) ++voters.live;
    }
    return voters;
}

std::string reason_not_live(const PlannedMember& each) {
    if (!each.last_contact) return called(each.member) + " was never heard from";
    if (!each.reachable) {
        return called(each.member) + " was last heard from " + format_duration(*each.last_contact) +
               " ago";
    }
    if (!each.lag) return called(each.member) + " has not said how far it is";
    return called(each.member) + " is " + count(static_cast<std::size_t>(*each.lag), "slot") +
           " behind; " + std::to_string(caught_up_lag_max) + " are allowed";
}

// Says what is to be said of voters that change.
void judge_voters(const Status& status, const MemberList& present, MemberPlan& plan) {
    auto& reasons = plan.reasons;
    for (const auto& each : plan.members) {
        const bool promoted = each.member.role == Role::voter && !votes(present, each.member.id);
        if (promoted && !(each.reachable && each.caught_up)) {
            reasons.push_back(
                {Level::unsafe, "not-caught-up", reason_not_live(each), each.member.id});
        }
    }
    const auto& after = plan.after;
    if (after.live < after.quorum()) {
        reasons.push_back({Level::unsafe, "no-live-majority",
                           "of " + count(after.ids.size(), "voter") + " only " +
                               std::to_string(after.live) + " would be reachable and caught up; " +
                               std::to_string(after.quorum()) + " are needed"});
    } else if (after.live == after.quorum() && after.ids.size() > 2) {
        reasons.push_back({Level::warning, "no-spare-voter",
                           "if one more voter is lost there is no majority: of " +
                               count(after.ids.size(), "voter") + " " + std::to_string(after.live) +
                               " would be reachable and caught up"});
    }
    if (after.faults_tolerated() < plan.before.faults_tolerated()) {
        reasons.push_back({Level::warning, "fewer-faults-tolerated",
                           "the loss of " + std::to_string(after.faults_tolerated()) +
                               " instead of " + count(plan.before.faults_tolerated(), "voter") +
                               " would be survived"});
    }
    if (after.ids.size() % 2 == 0) {
        reasons.push_back({Level::warning, "even-voters",
                           count(after.ids.size(), "voter") + " tolerate no more faults than " +
                               count(after.ids.size() - 1, "voter")});
    }
    const auto leader = status.leader_id;
    const bool leads_on = std::ranges::find(after.ids, leader) != after.ids.end();
    if (votes(present, leader) && !leads_on) {
        reasons.push_back({Level::note, "leader-leaves",
                           called(*find(present, leader)) + " leads; another voter takes over",
                           leader});
    }
}

void judge(const Status& status, const MemberWish& wish, const MemberList& present,
           const MemberList& changed, MemberPlan& plan) {
    if (plan.before.ids != plan.after.ids) judge_voters(status, present, plan);
    const auto* add = std::get_if<statemachine::AddMember>(&wish);
    if (add != nullptr && add->wants_vote) {
        const auto to_vote =
            static_cast<std::size_t>(std::ranges::count_if(changed, [](const Member& member) {
                return member.role == Role::voter || member.wants_vote;
            }));
        plan.reasons.push_back({Level::note, "votes-once-caught-up",
                                add->name +
                                    " is a learner until it has caught up; then the cluster "
                                    "gives it a vote and has " +
                                    count(to_vote, "voter")});
    }
    if (changed == present) {
        plan.reasons.push_back({Level::note, "nothing-to-do", "the members are so already"});
    }
    const bool unsafe = std::ranges::any_of(
        plan.reasons, [](const PlanReason& reason) { return reason.level == Level::unsafe; });
    plan.verdict = unsafe ? MemberPlan::Verdict::unsafe : MemberPlan::Verdict::safe;
}

}  // namespace

bool MemberPlan::has(std::string_view code) const {
    return std::ranges::find(reasons, code, &PlanReason::code) != reasons.end();
}

MemberPlan plan_members(const Status& status, const MemberWish& wish,
                        std::optional<std::uint64_t> epoch, const statemachine::Limits& limits) {
    invariant(!status.epochs.empty(), "an epoch governs the next slot");
    const Epoch& newest = status.epochs.back();
    const MemberList& present = newest.members;

    MemberPlan plan;
    // A newcomer does not care what the others do meanwhile.
    const bool adds = std::holds_alternative<statemachine::AddMember>(wish);
    plan.command.based_on = epoch.value_or(adds ? 0 : newest.number);
    plan.command.changes = std::visit(ChangesOf{present}, wish);
    plan.before = voters_of(planned(status, present));

    // The rules of the state machine, on a copy of what they are about. The ids that were given out
    // are not in the status; which one a newcomer gets is open.
    statemachine::Globals globals{.alpha = status.alpha, .epochs = status.epochs};
    globals.next_member = 1;
    for (const auto& member : present) {
        globals.next_member =
            std::max<MemberNumber>(globals.next_member, static_cast<MemberNumber>(member.id + 1));
    }
    std::vector<statemachine::EventBody> events;
    plan.expected =
        statemachine::Members(limits, globals).change(status.chosen + 1, plan.command, events);

    if (auto* changed = std::get_if<statemachine::MembersChanged>(&plan.expected)) {
        MemberList members = globals.epochs.back().members;
        for (auto& member : members) {
            if (find(present, member.id) == nullptr) member.id = 0;
        }
        plan.epoch = changed->epoch;
        plan.from_slot = changed->first_slot;
        plan.members = planned(status, members);
        plan.after = voters_of(plan.members);
        judge(status, wish, present, members, plan);
        return plan;
    }
    plan.verdict = MemberPlan::Verdict::impossible;
    plan.epoch = newest.number;
    plan.from_slot = newest.first_slot;
    plan.members = planned(status, present);
    plan.after = plan.before;
    PlanReason reason{Level::impossible, "epoch-mismatch", to_problem(plan.expected).detail};
    if (const auto* refused = std::get_if<statemachine::MembersRefused>(&plan.expected)) {
        reason.code = slug(refused->reason);
        reason.member = refused->member;
    }
    plan.reasons.push_back(std::move(reason));
    return plan;
}

std::optional<std::string> why_not_live(const Status& status, const Member& member) {
    const auto each = planned(status, member);
    if (each.reachable && each.caught_up) return std::nullopt;
    return reason_not_live(each);
}

std::string_view to_string(MemberPlan::Verdict verdict) {
    switch (verdict) {
        case MemberPlan::Verdict::safe:
            return "safe";
        case MemberPlan::Verdict::unsafe:
            return "unsafe";
        case MemberPlan::Verdict::impossible:
            break;
    }
    return "impossible";
}

std::string_view to_string(PlanReason::Level level) {
    switch (level) {
        case Level::impossible:
            return "impossible";
        case Level::unsafe:
            return "unsafe";
        case Level::warning:
            return "warning";
        case Level::note:
            break;
    }
    return "note";
}

}  // namespace gavel::api
