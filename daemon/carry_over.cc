#include "daemon/carry_over.h"

#include <algorithm>
#include <map>

namespace gavel::daemon {
namespace {

using paxos::Ballot;
using paxos::Durable;
using paxos::Slot;
using paxos::Value;

struct Found {
    Ballot ballot{};
    const Value* value{};
    bool chosen{};
};
using Entries = std::map<Slot, Found>;

void take_in(const Durable& log, Slot applied, Entries& entries, CarriedOver& carried) {
    for (auto it = log.log.upper_bound(applied); it != log.log.end(); ++it) {
        const auto& [slot, entry] = *it;
        const bool chosen = entry.chosen || slot <= log.chosen_prefix;
        Found& found = entries[slot];
        if (found.chosen && chosen && *found.value != entry.proposal.value) {
            carried.contradiction = slot;
        }
        const bool better = found.value == nullptr || found.ballot < entry.proposal.ballot;
        if (!found.chosen && (chosen || better)) {
            found = {entry.proposal.ballot, &entry.proposal.value, chosen};
        }
    }
    carried.damaged.insert(log.faulty.upper_bound(applied), log.faulty.end());
    carried.known_chosen = std::max(carried.known_chosen, log.chosen_prefix);
    carried.highest = std::max({carried.highest, log.chosen_prefix, log.cut});
    if (!log.log.empty()) carried.highest = std::max(carried.highest, log.log.rbegin()->first);
    if (!log.faulty.empty()) carried.highest = std::max(carried.highest, *log.faulty.rbegin());
}

}  // namespace

CarriedOver carry_over(std::span<const Durable> logs, Slot applied,
                       std::optional<std::uint64_t> gap_max) {
    CarriedOver carried{
        .last = applied, .sure = applied, .known_chosen = applied, .highest = applied};
    Entries entries;
    for (const Durable& log : logs) take_in(log, applied, entries, carried);

    auto it = entries.begin();
    for (; it != entries.end(); ++it) {
        const auto& [slot, found] = *it;
        const std::uint64_t gap = slot - carried.last.next();
        // What cannot be read there may be the value that was chosen, and this one an older.
        const bool doubtful = !found.chosen && carried.damaged.contains(slot);
        if (gap > gap_max.value_or(0) || (doubtful && !gap_max)) break;
        carried.filled += gap;
        carried.values.resize(carried.values.size() + gap);
        carried.values.push_back(*found.value);
        carried.last = slot;
        if (!found.chosen) ++carried.unsure;
        if (carried.unsure == 0 && carried.filled == 0) carried.sure = slot;
    }
    for (; it != entries.end(); ++it) carried.left.push_back(it->first);
    return carried;
}

}  // namespace gavel::daemon
