#include "daemon/hash_book.h"

#include "paxos/quorum.h"

namespace gavel::daemon {

using paxos::MemberId;
using paxos::Slot;

void HashBook::note_own(Slot slot, std::uint64_t hash) {
    hashes_[slot][self_] = hash;
    compare(slot);
    forget_the_oldest();
}

void HashBook::note(MemberId from, const std::vector<proto::StateHash>& hashes) {
    for (const auto& [slot, hash] : hashes) {
        hashes_[{slot}][from] = hash;
        compare({slot});
    }
    forget_the_oldest();
}

void HashBook::compare(Slot slot) {
    const auto& said = hashes_.at(slot);
    const auto own = said.find(self_);
    if (own == said.end()) return;
    for (const auto& [member, hash] : said) {
        if (hash != own->second) differing_[member] = slot;
    }
}

void HashBook::forget_the_oldest() {
    while (hashes_.size() > slots_kept) hashes_.erase(hashes_.begin());
}

std::vector<proto::StateHash> HashBook::latest() const {
    std::vector<proto::StateHash> latest;
    for (auto it = hashes_.rbegin();
         it != hashes_.rend() && latest.size() < proto::state_hashes_max; ++it) {
        const auto own = it->second.find(self_);
        if (own != it->second.end()) latest.push_back({it->first.number, own->second});
    }
    return latest;
}

std::optional<Slot> HashBook::odd_one_out(const paxos::Epoch& governing) const {
    if (differing_.empty()) return std::nullopt;
    for (auto it = hashes_.rbegin(); it != hashes_.rend(); ++it) {
        const auto own = it->second.find(self_);
        if (own == it->second.end()) continue;
        std::map<std::uint64_t, paxos::Votes> agreeing;
        for (const auto& [member, hash] : it->second) agreeing[hash].add(member);
        for (const auto& [hash, members] : agreeing) {
            if (hash != own->second && members.is_quorum(governing)) return it->first;
        }
    }
    return std::nullopt;
}

}  // namespace gavel::daemon
