#include "statemachine/members.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/invariant.h"

namespace gavel::statemachine {
namespace {

using Reason = MembersRefused::Reason;
using MemberList = std::vector<Member>;

MemberList::iterator find(MemberList& members, MemberNumber id) {
    return std::ranges::find(members, id, &Member::id);
}

// A set in the making: the changes of one command, one after the other.
class Draft {
public:
    Draft(const Limits& limits, MemberList members, MemberNumber next)
        : limits_(limits), members_(std::move(members)), next_(next) {}

    using Refusal = std::optional<MembersRefused>;

    Refusal apply(const AddMember& add) {
        for (Member& there : members_) {
            const bool same_place =
                there.name == add.name && there.peer_address == add.peer_address;
            const bool same_directory =
                add.incarnation != 0 && there.incarnation == add.incarnation;
            if (same_directory && !same_place) {
                return MembersRefused{Reason::registered_otherwise, there.id};
            }
            if (same_directory || (same_place && there.incarnation == 0)) return claim(there, add);
            if (there.name == add.name) return MembersRefused{Reason::name_taken, there.id};
            if (there.peer_address == add.peer_address) {
                return MembersRefused{Reason::address_taken, there.id};
            }
        }
        if (next_ == std::numeric_limits<MemberNumber>::max()) {
            return MembersRefused{Reason::ids_used_up};
        }
        members_.push_back({.id = next_,
                            .name = add.name,
                            .peer_address = add.peer_address,
                            .role = Role::learner,
                            .incarnation = add.incarnation,
                            .wants_vote = add.wants_vote});
        added_.push_back(next_++);
        return std::nullopt;
    }

    Refusal apply(const SetRole& set) {
        const auto member = find(members_, set.member);
        if (member == members_.end()) return MembersRefused{Reason::no_such_member, set.member};
        member->role = set.role;
        member->wants_vote = false;
        return std::nullopt;
    }

    Refusal apply(const RemoveMember& remove) {
        const auto member = find(members_, remove.member);
        if (member == members_.end()) return MembersRefused{Reason::no_such_member, remove.member};
        members_.erase(member);
        return std::nullopt;
    }

    // What is wrong with the set as it stands now.
    Refusal objection() const {
        std::size_t voters = 0;
        std::size_t to_vote = 0;
        for (const Member& member : members_) {
            if (member.role == Role::voter) ++voters;
            if (member.role == Role::voter || member.wants_vote) ++to_vote;
        }
        if (voters == 0) return MembersRefused{Reason::no_voter_left};
        if (to_vote > limits_.voters) return MembersRefused{Reason::too_many_voters};
        if (members_.size() > limits_.members) return MembersRefused{Reason::too_many_members};
        return std::nullopt;
    }

    MemberList& members() { return members_; }
    MemberNumber next() const { return next_; }
    std::vector<MemberNumber>& added() { return added_; }

private:
    Refusal claim(Member& there, const AddMember& add) {
        there.incarnation = std::max(there.incarnation, add.incarnation);
        if (there.role == Role::learner && add.wants_vote) there.wants_vote = true;
        added_.push_back(there.id);
        return std::nullopt;
    }

    const Limits& limits_;
    MemberList members_;
    MemberNumber next_;
    std::vector<MemberNumber> added_;
};

bool only_adds(const ChangeMembers& command) {
    return std::ranges::all_of(command.changes, [](const MemberChange& change) {
        return std::holds_alternative<AddMember>(change);
    });
}

// Whether the protocol has to know of it: who they are and who votes.
bool governs_alike(const MemberList& a, const MemberList& b) {
    return std::ranges::equal(a, b, [](const Member& left, const Member& right) {
        return left.id == right.id && left.role == right.role;
    });
}

// What those who watch the members are told of the step from one set to the next.
void tell(const MemberList& before, const Epoch& next, std::vector<EventBody>& events) {
    const auto event = [&](const Member& member, MemberEvent::Change change) {
        events.emplace_back(MemberEvent{.member = member.id,
                                        .name = member.name,
                                        .peer_address = member.peer_address,
                                        .change = change,
                                        .role = member.role,
                                        .epoch = next.number,
                                        .first_slot = next.first_slot});
    };
    for (const Member& member : before) {
        if (!std::ranges::binary_search(next.members, member.id, {}, &Member::id)) {
            event(member, MemberEvent::Change::removed);
        }
    }
    for (const Member& member : next.members) {
        const auto was = std::ranges::lower_bound(before, member.id, {}, &Member::id);
        if (was == before.end() || was->id != member.id) {
            event(member, MemberEvent::Change::added);
        } else if (was->role != member.role) {
            event(member, MemberEvent::Change::role_changed);
        }
    }
}

}  // namespace

void Members::found(std::vector<Member> members) {
    std::ranges::sort(members, {}, &Member::id);
    globals_.next_member =
        members.empty() ? MemberNumber{1} : static_cast<MemberNumber>(members.back().id + 1);
    globals_.epochs.push_back({.number = 1, .first_slot = 1, .members = std::move(members)});
}

Outcome Members::change(Revision slot, const ChangeMembers& command,
                        std::vector<EventBody>& events) {
    const Epoch& newest = globals_.epochs.back();
    const bool unbound = command.based_on == 0 && only_adds(command);
    if (!unbound && command.based_on != newest.number) return EpochMismatch{newest.number};

    Draft draft(limits_, newest.members, globals_.next_member);
    for (const MemberChange& change : command.changes) {
        const auto refusal =
            std::visit([&draft](const auto& one) { return draft.apply(one); }, change);
        if (refusal) return *refusal;
    }
    if (const auto objection = draft.objection()) return *objection;

    const MemberNumber next_member = draft.next();
    if (governs_alike(draft.members(), newest.members)) {
        // No new epoch: what is only known better is known better at once.
        const MembersChanged outcome{newest.number, newest.first_slot, std::move(draft.added())};
        globals_.epochs.back().members = std::move(draft.members());
        globals_.next_member = next_member;
        return outcome;
    }
    if (globals_.epochs.size() > limits_.pending_epochs) {
        return MembersRefused{Reason::too_many_pending};
    }
    Epoch next{.number = newest.number + 1,
               .first_slot = slot + globals_.alpha,
               .members = std::move(draft.members())};
    for (const Member& member : newest.members) {
        if (find(next.members, member.id) != next.members.end()) continue;
        globals_.removed.push_back({member.id, member.name, next.first_slot});
    }
    if (globals_.removed.size() > limits_.removed_members) {
        const auto excess = globals_.removed.size() - limits_.removed_members;
        globals_.removed.erase(globals_.removed.begin(),
                               globals_.removed.begin() + static_cast<std::ptrdiff_t>(excess));
    }
    globals_.next_member = next_member;
    tell(newest.members, next, events);
    MembersChanged outcome{next.number, next.first_slot, std::move(draft.added())};
    globals_.epochs.push_back(std::move(next));
    return outcome;
}

void Members::pin(const PinMembers& command) {
    for (const auto& pin : command.pins) {
        for (Epoch& epoch : globals_.epochs) {
            const auto member = find(epoch.members, pin.member);
            if (member != epoch.members.end() && member->incarnation == 0) {
                member->incarnation = pin.incarnation;
            }
        }
    }
}

void Members::forget_the_past() {
    auto& epochs = globals_.epochs;
    const auto governs_next = [&](const Epoch& after) {
        return after.first_slot <= globals_.applied + 1;
    };
    while (epochs.size() > 1 && governs_next(epochs[1])) epochs.erase(epochs.begin());
}

bool Members::is_gone(MemberNumber member) const {
    if (member == 0 || member >= globals_.next_member) return false;
    return std::ranges::none_of(globals_.epochs, [member](const Epoch& epoch) {
        return std::ranges::find(epoch.members, member, &Member::id) != epoch.members.end();
    });
}

const char* Members::broken_claim() const {
    const auto& epochs = globals_.epochs;
    const Revision next = globals_.applied + 1;
    if (epochs.empty() || epochs.front().first_slot > next) return "an epoch governs the next slot";
    if (epochs.size() > 1 && epochs[1].first_slot <= next) {
        return "what governs no open slot is forgotten";
    }
    const auto follows = [](const Epoch& before, const Epoch& after) {
        return before.number + 1 == after.number && before.first_slot < after.first_slot;
    };
    for (std::size_t i = 1; i < epochs.size(); ++i) {
        if (!follows(epochs[i - 1], epochs[i])) return "epochs follow each other";
    }
    for (const Epoch& epoch : epochs) {
        if (epoch.first_slot > globals_.applied + globals_.alpha) {
            return "no epoch is known beyond the window";
        }
        for (const Member& member : epoch.members) {
            if (member.id >= globals_.next_member) return "an id is given out once";
        }
    }
    return nullptr;
}

void Members::check_invariants() const {
    const char* broken = broken_claim();
    invariant(broken == nullptr, broken);
}

}  // namespace gavel::statemachine
