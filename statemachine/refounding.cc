#include "statemachine/refounding.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/invariant.h"
#include "statemachine/row_hash.h"

namespace gavel::statemachine {
namespace {

bool is_left_behind(const Row& row) {
    return row.key.table == Table::history || row.key.table == Table::requests;
}

// Everyone of the epochs that were known, each once.
void remove_members(const std::vector<Epoch>& epochs, Revision first_slot, std::size_t most,
                    std::vector<RemovedMember>& removed) {
    std::set<MemberNumber> listed;
    for (const auto& one : removed) listed.insert(one.id);
    for (const Epoch& epoch : epochs) {
        for (const Member& member : epoch.members) {
            if (listed.insert(member.id).second) {
                removed.push_back({member.id, member.name, first_slot});
            }
        }
    }
    const std::size_t excess = removed.size() - std::min(removed.size(), most);
    removed.erase(removed.begin(), removed.begin() + static_cast<std::ptrdiff_t>(excess));
}

// A holder may believe in its lock for a TTL.
void delay_by_its_ttl(Row& row) {
    const auto* session = std::get_if<Ptr<Session>>(&row.value);
    if (session == nullptr) return;
    Session longer = **session;
    longer.lock_delay += std::max<DurationMs>(longer.ttl, 1);
    // One that is being ended, too: how far that came in the old cluster is not known.
    if (longer.ending) longer.ending = ReleaseReason::session_expired;
    row.value = std::make_shared<const Session>(std::move(longer));
}

std::uint64_t sum_of_hashes(const std::vector<Row>& rows) {
    std::uint64_t sum = 0;
    for (const Row& row : rows) sum += row_hash(row.key, row.value);
    return sum;
}

// By one command, so that nothing is granted to any of them on the way.
void let_all_lapse(Machine& machine) {
    ExpireSessions all{.sessions = {}, .leader_start = machine.globals().leader_start};
    for (const auto& [id, session] : machine.sessions()) all.sessions.push_back(id);
    for (const auto& [id, session] : machine.ending_sessions()) all.sessions.push_back(id);
    machine.apply(machine.applied() + 1, {.command = std::move(all)});
    invariant(machine.sessions().empty() && machine.ending_sessions().empty(),
              "a new cluster begins without sessions");
}

}  // namespace

Refounding refound(const Machine& old, Revision base, Member founder) {
    invariant(base > old.applied(), "a new cluster begins beyond the old one");
    invariant(founder.id >= old.globals().next_member, "a member's number is never used again");

    std::vector<Row> rows = old.rows();
    std::erase_if(rows, is_left_behind);
    std::ranges::for_each(rows, delay_by_its_ttl);
    Globals globals = old.globals();
    globals.rows_hash = sum_of_hashes(rows);
    globals.history_floor = base - 1;
    globals.applied = base - 1;
    remove_members(globals.epochs, base + 1, old.limits().removed_members, globals.removed);
    globals.next_member = static_cast<MemberNumber>(founder.id + 1);
    const std::uint64_t epoch = globals.epochs.back().number + 1;
    globals.epochs = {{.number = epoch, .first_slot = base, .members = {std::move(founder)}}};

    Limits limits = old.limits();
    limits.ended_per_command = std::numeric_limits<std::size_t>::max();
    Machine machine(limits, globals.alpha, {});
    for (Row& row : rows) machine.load(std::move(row));
    invariant(machine.finish_load(globals), "a state is one without its history, too");
    let_all_lapse(machine);  // In slot `base`.

    Refounding fresh{.rows = machine.rows(), .globals = machine.globals()};
    std::erase_if(fresh.rows, is_left_behind);
    fresh.globals.rows_hash = sum_of_hashes(fresh.rows);
    fresh.globals.history_floor = base;
    fresh.globals.epochs.front().first_slot = base + 1;
    return fresh;
}

LeftBehind left_behind(const Machine& old) {
    LeftBehind left;
    for (const auto* sessions : {&old.sessions(), &old.ending_sessions()}) {
        for (const auto& [id, session] : *sessions) {
            left.locks += old.held_count_of(id);
            left.keys += old.key_count_of(id);
        }
    }
    left.sessions = old.sessions().size();
    left.places = old.waiters().size();
    return left;
}

}  // namespace gavel::statemachine
