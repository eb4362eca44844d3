// Core: the member set, as its leader tends it and as one sees it that leaves it.

#include <algorithm>

#include "daemon/core.h"
#include "daemon/roster.h"

namespace gavel::daemon {
namespace {

using paxos::MemberId;
using statemachine::Member;
using statemachine::Role;

constexpr std::uint64_t tend_again_ms = 500;  // What was proposed may be lost with a ballot.
constexpr std::uint64_t promote_within_slots = 1'024;
constexpr std::uint64_t in_touch_ms = 1'000;

const statemachine::Epoch& newest(const statemachine::Machine& machine) {
    return machine.globals().epochs.back();
}

}  // namespace

void Core::met(MemberId peer, std::uint64_t incarnation) {
    // The first one counts: whoever comes with another was refused.
    incarnations_.emplace(peer, incarnation);
}

void Core::tend_members() {
    pin_directories();
    promote_who_caught_up();
}

// From here on a member that lost its directory cannot come back as one that never promised.
void Core::pin_directories() {
    if (pinned_at_ && now_ - *pinned_at_ < tend_again_ms) return;
    statemachine::PinMembers command;
    for (const Member& member : newest(machine_).members) {
        if (member.incarnation != 0) continue;
        const auto known = incarnations_.find({member.id});
        if (member.id == config_.self.number) {
            if (config_.incarnation != 0) command.pins.push_back({member.id, config_.incarnation});
        } else if (known != incarnations_.end()) {
            command.pins.push_back({member.id, known->second});
        }
    }
    if (command.pins.empty() || room_for_own() == 0) return;
    pinned_at_ = now_;
    propose_own(std::move(command));
}

bool Core::in_touch(MemberId member) const {
    const auto contact = contact_.find(member);
    return contact != contact_.end() && now_ - contact->second <= in_touch_ms;
}

// A newcomer that is to vote does so once it has nearly everything: then a set with it has a live
// majority whenever the one without it has (pitfall 16).
void Core::promote_who_caught_up() {
    const bool lately = promoted_at_ && now_ - *promoted_at_ < tend_again_ms;
    if (lately && promoted_from_epoch_ == newest(machine_).number) return;
    if (room_for_own() == 0) return;
    for (const Member& member : newest(machine_).members) {
        if (member.role != Role::learner || !member.wants_vote) continue;
        const auto executed = replica_.executed_by({member.id});
        if (!in_touch({member.id}) || !executed ||
            replica_.chosen_prefix() - *executed > promote_within_slots) {
            continue;
        }
        promoted_at_ = now_;
        promoted_from_epoch_ = newest(machine_).number;
        propose_own(statemachine::ChangeMembers{newest(machine_).number,
                                                {statemachine::SetRole{member.id, Role::voter}}});
        return;
    }
}

// What was chosen before the new set governs stands with the old one's quorum: a member of that
// goes when a majority of the new set has it all on its disks (pitfall 12).
bool Core::is_dismissed(statemachine::MemberNumber member) const {
    const auto& globals = machine_.globals();
    if (!is_gone(globals, member)) return false;
    const auto left = std::ranges::find(globals.removed, member, &statemachine::RemovedMember::id);
    if (left == globals.removed.end()) return true;  // Long ago.
    paxos::Votes have_it;
    if (durable_applied_ + 1 >= left->first_slot) have_it.add(config_.self);
    for (const auto& [other, report] : reports_) {
        if (report.report.durable + 1 >= left->first_slot) have_it.add(other);
    }
    const auto& membership = replica_.membership();
    return have_it.is_quorum(membership.epoch_of(membership.executed().next()));
}

}  // namespace gavel::daemon
