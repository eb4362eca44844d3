#include "persistence/new_member.h"

#include "persistence/folder.h"
#include "persistence/owner.h"
#include "persistence/state_store.h"

namespace gavel::persistence {

std::optional<StorageError> unfit_for_state(const std::filesystem::path& given) {
    const std::filesystem::path folder = plain(given);
    if (has_environment(folder, "log")) {
        return in(folder, {"a member has this directory already; use an empty one"});
    }
    return unfit_for_new_member(folder);
}

std::optional<StorageError> make_member(const NewMember& member,
                                        std::span<const statemachine::Row> rows,
                                        const statemachine::Globals& globals) {
    const std::filesystem::path folder = plain(member.folder);
    if (auto error = unfit_for_state(folder)) return error;
    if (auto error = make_folder(folder)) return error;
    {
        const auto lock = FolderLock::take(folder);
        if (!lock) return lock.error();
        auto state = StateStore::open(
            {.folder = folder, .owner = member.identity, .map_bytes = member.state_map_bytes});
        if (!state) return state.error();
        state->replace(rows, globals);
        if (auto error = sync_folder(folder)) return error;
    }
    const auto log =
        LogStore::open({.folder = folder, .refuse = {}, .beside_state = true}, member.identity);
    if (!log) return log.error();
    return sync_folder(folder);
}

}  // namespace gavel::persistence
