#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "base/result.h"
#include "persistence/log_store.h"
#include "persistence/marks.h"
#include "statemachine/state.h"

namespace gavel::persistence {

// A data directory that no member uses, read without changing a byte of it: what is left when a
// cluster lost its majority (docs/recovery.md). Log and state are read apart, for one may be
// damaged and the other not. Keeps members out of the directory for as long as it lives.
class Survivor {
public:
    // An error when neither of them can be opened.
    static Result<Survivor, StorageError> open(const std::filesystem::path& folder);
    ~Survivor();
    Survivor(Survivor&&) noexcept;
    Survivor& operator=(Survivor&&) noexcept;

    // Whose it is, as the log says, or else the state.
    const Identity& identity() const;
    std::uint64_t state_map_bytes() const;  // 0: there is no state.

    struct State {
        std::optional<statemachine::Globals> globals{};  // None: nothing was ever executed.
        paxos::Slot replaced{};  // The slot of the last state that came from another member.
    };
    // Calls `row` for each row. Verifies every record that it reads.
    Result<State, StorageError> load_state(const std::function<void(statemachine::Row)>& row) const;

    struct Log {
        Marks marks{};
        std::map<std::uint16_t, Acquaintance> others{};
        // Above the state's slot, put together as at any start (recovery.h).
        paxos::Durable durable{};
    };
    // Above the cut, when no state is known; else as of LogStore::recover().
    Result<Log, StorageError> read_log(const std::optional<State>& state) const;

private:
    struct Impl;
    explicit Survivor(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::persistence
