#include "tests/simulation/epochs.h"

#include <algorithm>
#include <iterator>

#include "tests/simulation/failure.h"

namespace gavel::simulation {

using paxos::MemberId;
using paxos::Slot;

void Epochs::learn(const statemachine::Globals& globals) {
    for (const auto& epoch : globals.epochs) {
        if (epoch.number <= newest_) continue;
        newest_ = epoch.number;
        auto& voters = voters_[{epoch.first_slot}];
        voters.clear();
        for (const auto& member : epoch.members) {
            if (member.role == statemachine::Role::voter) voters.insert({member.id});
        }
    }
    known_through_ = {globals.applied + globals.alpha};
}

bool Epochs::was_alone(MemberId member) const {
    const std::set<MemberId> alone{member};
    return std::any_of(voters_.begin(), voters_.end(),
                       [&](const auto& epoch) { return epoch.second == alone; });
}

bool Epochs::can_do_without(MemberId member, Slot from) const {
    return std::all_of(std::prev(voters_.upper_bound(from)), voters_.end(), [&](const auto& epoch) {
        return !epoch.second.contains(member) || epoch.second.size() > 2;
    });
}

bool Epochs::is_quorum(Slot slot, const std::set<MemberId>& accepted) const {
    expect(knows(slot), "only executed state names C(s)");
    const auto& voters = std::prev(voters_.upper_bound(slot))->second;
    const auto yes = std::count_if(voters.begin(), voters.end(),
                                   [&](MemberId voter) { return accepted.contains(voter); });
    return static_cast<std::size_t>(yes) * 2 > voters.size();
}

}  // namespace gavel::simulation
