#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "persistence/log_store.h"
#include "statemachine/state.h"

namespace gavel::persistence {

// Makes the data directory of a new member that begins with a state instead of from slot 1. The
// folder must be missing, or as good as empty. All of it is durable when it returns.
//
// The log comes last: a directory with a state and no log is refused by every start, so whatever
// the moment at which this is cut short, no member comes to be that lacks what it was given.
struct NewMember {
    std::filesystem::path folder{};
    Identity identity{};
    std::uint64_t state_map_bytes = 16ULL << 30;
};
std::optional<StorageError> make_member(const NewMember& member,
                                        std::span<const statemachine::Row> rows,
                                        const statemachine::Globals& globals);

// Why it could not be made there.
std::optional<StorageError> unfit_for_state(const std::filesystem::path& folder);

}  // namespace gavel::persistence
