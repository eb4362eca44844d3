#include "paxos/membership.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/invariant.h"

namespace gavel::paxos {

bool Epoch::has_voter(MemberId member) const {
    return std::binary_search(voters.begin(), voters.end(), member);
}

Membership::Membership(std::uint64_t alpha, Slot executed, std::map<Slot, Epoch> epochs)
    : alpha_(alpha), executed_(executed), epochs_(std::move(epochs)) {
    invariant(alpha_ >= 1, "alpha is at least 1");
    invariant(!epochs_.empty() && epochs_.begin()->first <= executed_.next(),
              "an epoch governs the first slot of the window");
    invariant(epochs_.rbegin()->first <= window_end(), "no epoch is known beyond the window");
    forget_the_past();
}

const Epoch& Membership::epoch_of(Slot slot) const {
    invariant(slot <= window_end(), "only executed state names an epoch");
    auto after = epochs_.upper_bound(slot);
    // A slot before the oldest kept epoch is executed: nothing is counted there any more, and the
    // oldest kept one stands in for it.
    if (after != epochs_.begin()) --after;
    return after->second;
}

void Membership::on_executed(Slot slot) {
    invariant(slot == executed_.next(), "slots are executed in order");
    executed_ = slot;
    forget_the_past();
}

void Membership::on_executed(Slot slot, Epoch left) {
    if (left != epochs_.rbegin()->second) epochs_[slot + alpha_] = std::move(left);
    on_executed(slot);
}

void Membership::forget_the_past() {
    while (epochs_.size() > 1 && std::next(epochs_.begin())->first <= executed_.next()) {
        epochs_.erase(epochs_.begin());
    }
}

bool Membership::may_stand(MemberId member) const {
    return may_lead(member, epochs_.begin()->first);
}

bool Membership::may_lead(MemberId member, Slot slot) const {
    auto from = epochs_.upper_bound(slot);
    if (from != epochs_.begin()) --from;
    return std::any_of(from, epochs_.end(),
                       [&](const auto& entry) { return entry.second.has_voter(member); });
}

std::vector<MemberId> Membership::everyone() const {
    std::set<MemberId> all;
    for (const auto& [first, epoch] : epochs_) {
        all.insert(epoch.voters.begin(), epoch.voters.end());
        all.insert(epoch.learners.begin(), epoch.learners.end());
    }
    return {all.begin(), all.end()};
}

}  // namespace gavel::paxos
