#include "statemachine/refounding.h"

#include <algorithm>
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

}  // namespace

Refounding refound(const Machine& old, Revision base, Member founder) {
    invariant(base > old.applied(), "a new cluster begins beyond the old one");
    invariant(founder.id >= old.globals().next_member, "a member's number is never used again");

    Refounding fresh{.rows = old.rows(), .globals = old.globals()};
    std::erase_if(fresh.rows, is_left_behind);

    Globals& globals = fresh.globals;
    globals.rows_hash = 0;
    for (const Row& row : fresh.rows) globals.rows_hash += row_hash(row.key, row.value);
    globals.history_floor = base;
    globals.applied = base;
    remove_members(globals.epochs, base + 1, old.limits().removed_members, globals.removed);
    globals.next_member = static_cast<MemberNumber>(founder.id + 1);
    const std::uint64_t epoch = globals.epochs.back().number + 1;
    globals.epochs = {{.number = epoch, .first_slot = base + 1, .members = {std::move(founder)}}};
    return fresh;
}

}  // namespace gavel::statemachine
