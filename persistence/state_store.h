#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "persistence/log_store.h"
#include "statemachine/state.h"

namespace gavel::persistence {

// The state environment: rows and the globals they belong to, always exactly the state after some
// slot. One writer thread. The caller hands rows over only when every log entry up to
// `globals.applied` is durable.
class StateStore {
public:
    struct Options {
        std::filesystem::path folder{};  // The data directory; the state stands in state/ below it.
        Identity owner{};                // As the log says: open that first, it holds the lock.
        std::uint64_t map_bytes = 16ULL << 30;
    };
    ~StateStore();
    StateStore(StateStore&&) noexcept;
    StateStore& operator=(StateStore&&) noexcept;

    // Opens what is there or creates it; refuses the state of another owner.
    static Result<StateStore, StorageError> open(Options options);

    // One durable transaction: every row and the globals (with the applied slot), or nothing.
    // `rows` hold each key at most once, sorted by key.
    void commit(std::span<const statemachine::Row> rows, const statemachine::Globals& globals);

    // Calls `row` for each row, in key order; gives the globals, or none for a fresh store. Every
    // record is verified; an error names the first that is corrupt.
    Result<std::optional<statemachine::Globals>, StorageError> load(
        const std::function<void(statemachine::Row)>& row) const;

    std::uint64_t bytes_used() const;

private:
    struct Impl;
    explicit StateStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::persistence
