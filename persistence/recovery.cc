#include "persistence/recovery.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gavel::persistence {
namespace {

void raise(paxos::Ballot& mark, paxos::Ballot to) { mark = std::max(mark, to); }

void replay(const paxos::PromiseRecord& record, paxos::Durable& onto) {
    raise(onto.promised, record.ballot);
}

void replay(const paxos::AttemptRecord& record, paxos::Durable& onto) {
    raise(onto.attempted, record.ballot);
}

// Accepting implies promising (S10), and what is chosen stays chosen.
void replay(const paxos::AcceptRecord& record, paxos::Durable& onto) {
    raise(onto.promised, record.proposal.ballot);
    onto.log[record.slot].proposal = record.proposal;
    onto.faulty.erase(record.slot);
}

// Learning never lowers what was accepted: the ballot stays.
void replay(const paxos::ChosenRecord& record, paxos::Durable& onto) {
    paxos::LogEntry& entry = onto.log[record.slot];
    entry.proposal.value = record.value;
    entry.chosen = true;
    onto.faulty.erase(record.slot);
}

void replay(const paxos::PrefixRecord& record, paxos::Durable& onto) {
    onto.chosen_prefix = std::max(onto.chosen_prefix, record.slot);
}

}  // namespace

void replay(const paxos::Record& record, paxos::Durable& onto) {
    std::visit([&onto](const auto& alternative) { replay(alternative, onto); }, record);
}

paxos::Durable recover(paxos::Durable log, paxos::Slot applied) {
    // The state holds what these slots did; as entries to hand on they are as good as cut.
    const auto above = log.faulty.upper_bound(applied);
    if (above != log.faulty.begin()) log.cut = std::max(log.cut, *std::prev(above));
    log.faulty.erase(log.faulty.begin(), above);
    log.log.erase(log.log.begin(), log.log.upper_bound(log.cut));

    for (paxos::Slot slot = applied.next(); slot <= log.chosen_prefix; slot = slot.next()) {
        if (!log.log.contains(slot)) log.faulty.insert(slot);
    }
    log.chosen_prefix = std::max(log.chosen_prefix, applied);
    return log;
}

}  // namespace gavel::persistence
