#include "paxos/learner.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace gavel::paxos {

Learner::Learner(Limits limits, const Durable& restored, Slot executed)
    : limits_(limits), prefix_(executed), heard_of_(restored.chosen_prefix) {
    for (auto it = restored.log.upper_bound(executed); it != restored.log.end(); ++it) {
        if (it->first <= restored.chosen_prefix || it->second.chosen) {
            above_[it->first] = it->second.proposal.value;
        }
    }
}

Effects Learner::start() {
    Effects effects;
    hand_out_consecutive(effects);
    return effects;
}

Effects Learner::on_chosen(Slot slot, Value value) {
    Effects effects;
    hear_of(slot);
    if (knows(slot)) return effects;
    above_.emplace(slot, std::move(value));
    hand_out_consecutive(effects);
    return effects;
}

Effects Learner::on_learned(Slot slot, Value value, const Acceptor& acceptor) {
    if (knows(slot)) return {};
    Effects effects;
    const Proposal* accepted = acceptor.accepted(slot);
    if (accepted == nullptr || accepted->value != value) {
        effects.records.emplace_back(ChosenRecord{slot, value});
    }
    append(effects, on_chosen(slot, std::move(value)));
    return effects;
}

Effects Learner::on_notice(Ballot ballot, Slot notice, const Acceptor& acceptor) {
    hear_of(notice);
    Effects effects;
    for (Slot slot = prefix_.next(); slot <= notice; slot = slot.next()) {
        if (above_.contains(slot)) continue;
        const Proposal* accepted = acceptor.accepted(slot);
        if (accepted == nullptr || accepted->ballot != ballot) break;
        above_.emplace(slot, accepted->value);
    }
    hand_out_consecutive(effects);
    return effects;
}

void Learner::hand_out_consecutive(Effects& effects) {
    while (!above_.empty() && above_.begin()->first == prefix_.next()) {
        auto node = above_.extract(above_.begin());
        prefix_ = node.key();
        remember(node.mapped());
        effects.chosen.push_back({node.key(), std::move(node.mapped())});
    }
}

void Learner::remember(Value value) {
    recent_bytes_ += value.command.size();
    recent_.push_back(std::move(value));
    while (recent_.size() > limits_.recent_slots || recent_bytes_ > limits_.recent_bytes) {
        recent_bytes_ -= recent_.front().command.size();
        recent_.pop_front();
    }
}

Effects Learner::on_learn(MemberId from, const Learn& learn) const {
    if (learn.from > prefix_) {
        return {.at_once = {{from, LearnAnswer{learn.from, {}, prefix_, {}}}}};
    }
    const Slot oldest_in_memory{prefix_.number - recent_.size() + 1};
    if (learn.from < oldest_in_memory) return {.log_reads = {{from, learn.from, prefix_}}};

    LearnAnswer answer{.from = learn.from, .oldest = {}, .chosen_prefix = prefix_};
    std::size_t bytes = 0;
    for (std::size_t at = learn.from - oldest_in_memory; at < recent_.size(); ++at) {
        bytes += recent_[at].command.size() + 16;
        if (!answer.values.empty() && bytes > limits_.message_bytes) break;
        answer.values.push_back(recent_[at]);
    }
    return {.at_once = {{from, std::move(answer)}}};
}

}  // namespace gavel::paxos
