#include "paxos/acceptor.h"

#include <utility>

#include "base/invariant.h"

namespace gavel::paxos {
namespace {

std::size_t size_of(const Report& report) {
    constexpr std::size_t overhead = 32;
    if (const auto* proposal = std::get_if<Proposal>(&report)) {
        return overhead + proposal->value.command.size();
    }
    if (const auto* chosen = std::get_if<KnownChosen>(&report)) {
        return overhead + chosen->value.command.size();
    }
    return overhead;
}

}  // namespace

Acceptor::Acceptor(std::uint64_t boot, Limits limits, const Durable& restored, Slot executed)
    : boot_(boot),
      limits_(limits),
      promised_(restored.promised),
      chosen_prefix_(executed),
      recorded_prefix_(restored.chosen_prefix) {
    for (auto it = restored.log.upper_bound(executed); it != restored.log.end(); ++it) {
        const auto& [slot, entry] = *it;
        const bool chosen = entry.chosen || slot <= restored.chosen_prefix;
        if (chosen) chosen_[slot] = entry.proposal.value;
        if (entry.proposal.ballot) accepted_[slot] = entry.proposal;
    }
    faulty_.insert(restored.faulty.upper_bound(executed), restored.faulty.end());
    check_invariants();
}

Effects Acceptor::on_prepare(MemberId from, const Prepare& prepare) {
    if (prepare.ballot < promised_) {
        return {.at_once = {{from, Reject{prepare.ballot, promised_}}}};
    }

    // A repeated prepare is answered again, for the first promise may be lost, and leaves nothing
    // to record. Its answer still queues: the first record may not have reached the disk yet.
    Effects effects;
    if (prepare.ballot > promised_) {
        promised_ = prepare.ballot;
        effects.records.emplace_back(PromiseRecord{prepare.ballot});
    }
    for (auto& part : promise_parts(prepare)) {
        effects.once_durable.push_back({from, std::move(part)});
    }
    return effects;
}

std::vector<Promise> Acceptor::promise_parts(const Prepare& prepare) const {
    std::map<Slot, Report> reports;
    for (auto it = accepted_.lower_bound(prepare.from); it != accepted_.end(); ++it) {
        reports[it->first] = it->second;
    }
    for (auto it = faulty_.lower_bound(prepare.from); it != faulty_.end(); ++it) {
        reports[*it] = Faulty{};
    }
    // A chosen value outranks every ballot.
    for (auto it = chosen_.lower_bound(prepare.from); it != chosen_.end(); ++it) {
        reports[it->first] = KnownChosen{it->second};
    }

    const Promise blank{.ballot = prepare.ballot,
                        .boot = boot_,
                        .first = prepare.from,
                        .last = last_slot,
                        .chosen_prefix = chosen_prefix_};
    std::vector<Promise> parts{blank};
    std::size_t bytes = 0;
    for (auto& [slot, report] : reports) {
        const std::size_t size = size_of(report);
        if (bytes > 0 && bytes + size > limits_.message_bytes) {
            parts.back().last = parts.back().reports.back().first;
            const Slot next = parts.back().last.next();
            parts.push_back(blank);
            parts.back().first = next;
            bytes = 0;
        }
        bytes += size;
        parts.back().reports.emplace_back(slot, std::move(report));
    }
    return parts;
}

Effects Acceptor::on_accept(MemberId from, const Accept& accept) {
    if (accept.ballot < promised_) {
        return {.at_once = {{from, Reject{accept.ballot, promised_}}}};
    }
    if (too_far_ahead(accept.slot)) return {};

    Effects effects;
    if (accept.slot > chosen_prefix_ && !is_lost(accept.slot)) {
        // Chosen already, and another value: this ballot is too old to get a quorum there.
        const auto known = chosen_.find(accept.slot);
        if (known != chosen_.end() && known->second != accept.value) return {};
        const auto before = accepted_.find(accept.slot);
        if (before == accepted_.end() || before->second.ballot < accept.ballot) {
            // Accepting implies promising. Otherwise a leader that prepared earlier could still
            // overwrite the value accepted here (S10; Paxos Made Simple, section 2.2).
            promised_ = accept.ballot;
            accepted_[accept.slot] = {accept.ballot, accept.value};
            faulty_.erase(accept.slot);
            effects.records.emplace_back(AcceptRecord{accept.slot, {accept.ballot, accept.value}});
        } else {
            invariant(before->second.value == accept.value,
                      "the value proposed at one ballot in one slot never changes");
        }
    } else if (accept.ballot > promised_) {
        // The slot is known chosen here. A vote can only add to the same value, or to one that no
        // quorum will ever accept: it is given without a second copy of the value.
        promised_ = accept.ballot;
        effects.records.emplace_back(PromiseRecord{accept.ballot});
    }
    effects.once_durable.push_back({from, Accepted{accept.ballot, accept.slot}});
    return effects;
}

// Known chosen, but the value is unreadable: it has to be learned. A value stored here by an older
// ballot would pass for the chosen one after the next restart.
bool Acceptor::is_lost(Slot slot) const {
    return slot <= recorded_prefix_ && faulty_.contains(slot);
}

bool Acceptor::too_far_ahead(Slot slot) const {
    return slot - chosen_prefix_ > limits_.accept_ahead;
}

void Acceptor::on_chosen(Slot slot, const Value& value) {
    if (slot <= chosen_prefix_) return;
    chosen_[slot] = value;
    faulty_.erase(slot);
}

void Acceptor::on_prefix(Slot prefix) {
    if (prefix <= chosen_prefix_) return;
    chosen_prefix_ = prefix;
    accepted_.erase(accepted_.begin(), accepted_.upper_bound(prefix));
    chosen_.erase(chosen_.begin(), chosen_.upper_bound(prefix));
    faulty_.erase(faulty_.begin(), faulty_.upper_bound(prefix));
}

const Proposal* Acceptor::accepted(Slot slot) const {
    const auto it = accepted_.find(slot);
    return it == accepted_.end() ? nullptr : &it->second;
}

void Acceptor::check_invariants() const {
    for (const auto& [slot, proposal] : accepted_) {
        invariant(proposal.ballot <= promised_, "nothing is accepted above the promise");
        invariant(slot > chosen_prefix_, "what is chosen is not kept as merely accepted");
    }
}

}  // namespace gavel::paxos
