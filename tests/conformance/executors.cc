#include "tests/conformance/executors.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "proto/codec.h"
#include "statemachine/row_hash.h"

namespace gavel::paxos {

using statemachine::Applied;
using statemachine::Machine;

Executors::Member& Executors::at(MemberId member) {
    return members_.try_emplace(member, Member{Machine(limits_, alpha_, {{.id = 1}})})
        .first->second;
}

void Executors::execute(MemberId id, Slot slot, const Value& value) {
    Member& member = at(id);
    const Applied applied = apply(member.machine, slot, value);
    member.machine.check_invariants();

    Execution now{.hash = member.machine.hash(),
                  .outcome = applied.outcome,
                  .revision = applied.revision,
                  .repeated = applied.repeated};
    for (const auto& row : applied.changed) {
        now.changed[row.key] = row_hash(row.key, row.value);
        member.unstored[row.key] = row.value;
    }
    outcomes_.insert(now.outcome.index());
    if (slot.number <= member.reached) ++executed_again_;
    member.reached = std::max(member.reached, slot.number);

    if (slot.number > first_.size()) {
        first_.push_back(std::move(now));
    } else if (now != first_[slot.number - 1]) {
        differences_.push_back("member " + std::to_string(id.number) + " differs in slot " +
                               std::to_string(slot.number));
    }
}

// A value that is no entry leaves the state as a no-op does.
Applied Executors::apply(Machine& machine, Slot slot, const Value& value) {
    const auto entry = proto::decode_entry(value.command.view());
    if (value.is_noop() || !entry) {
        machine.apply_noop(slot.number);
        return {};
    }
    commands_.insert(entry->command.index());
    return machine.apply(slot.number, *entry);
}

void Executors::store(MemberId id) {
    Member& member = at(id);
    Stored& stored = stored_[id];
    for (const auto& [key, value] : std::exchange(member.unstored, {})) {
        if (std::holds_alternative<std::monostate>(value)) {
            stored.rows.erase(key);
        } else {
            stored.rows[key] = proto::encode(value);
        }
    }
    stored.globals = proto::encode(member.machine.globals());
}

void Executors::restore(MemberId id) {
    const std::uint64_t reached = at(id).reached;
    members_.erase(id);
    Member& member = at(id);
    member.reached = reached;
    const Stored& stored = stored_[id];
    if (!stored.globals) return;
    for (const auto& [key, bytes] : stored.rows) {
        member.machine.load({key, proto::decode_row(key.table, bytes).value()});
        ++loaded_rows_;
    }
    const bool loaded = member.machine.finish_load(proto::decode_globals(*stored.globals).value());
    invariant(loaded, "the stored rows are those that the globals speak of");
    member.machine.check_invariants();
}

const Machine& Executors::newest() {
    const auto newest =
        std::max_element(members_.begin(), members_.end(), [](const auto& one, const auto& other) {
            return one.second.machine.applied() < other.second.machine.applied();
        });
    return newest->second.machine;
}

}  // namespace gavel::paxos
