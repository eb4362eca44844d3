#include "paxos/tally.h"

namespace gavel::paxos {

void Tally::add(MemberId acceptor, const Accepted& accepted) {
    if (accepted.slot <= prefix_ || accepted.slot - prefix_ > accept_ahead_) return;
    AtBallot& told = votes_[accepted.slot];
    if (accepted.ballot < told.ballot) return;
    if (told.ballot < accepted.ballot) told = {.ballot = accepted.ballot};
    told.votes.add(acceptor);
    told.last = acceptor;
}

std::optional<Ballot> Tally::quorum_in(Slot slot, const Epoch& epoch) const {
    const auto told = votes_.find(slot);
    if (told == votes_.end() || !told->second.votes.is_quorum(epoch)) return std::nullopt;
    return told->second.ballot;
}

MemberId Tally::last_voter(Slot slot) const {
    const auto told = votes_.find(slot);
    return told == votes_.end() ? MemberId{} : told->second.last;
}

void Tally::on_prefix(Slot prefix) {
    prefix_ = prefix;
    votes_.erase(votes_.begin(), votes_.upper_bound(prefix));
}

}  // namespace gavel::paxos
