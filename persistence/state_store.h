#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "persistence/log_store.h"
#include "proto/peer_message.h"
#include "statemachine/state.h"

namespace gavel::persistence {

// The state as of one slot, to be handed on in pieces: one read transaction, for as long as the
// object lives, during which LMDB keeps every page that it sees. Made and used by any thread, by
// one at a time; ends before its store.
class StateReader {
public:
    struct Piece {
        std::vector<proto::EncodedRow> rows{};
        bool last{};  // No row follows.
    };
    ~StateReader();
    StateReader(const StateReader&) = delete;
    StateReader& operator=(const StateReader&) = delete;

    const statemachine::Globals& globals() const;
    // The rows after that key (all zero: the first ones) in order, up to the one with which they
    // hold `bytes`. Every record is verified; an error names the first that is corrupt.
    Result<Piece, StorageError> read(const statemachine::RowKey& after, std::size_t bytes) const;

private:
    friend class StateStore;
    struct Impl;
    explicit StateReader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

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
    // What is there, whosoever it is, only to be read: nothing changes on the disk. No member may
    // use the directory meanwhile.
    static Result<StateStore, StorageError> open_to_read(const std::filesystem::path& folder);
    const Identity& owner() const;
    std::uint64_t map_bytes() const;

    // One durable transaction: every row and the globals (with the applied slot), or nothing.
    // `rows` hold each key at most once, sorted by key.
    void commit(std::span<const statemachine::Row> rows, const statemachine::Globals& globals);

    // Calls `row` for each row, in key order; gives the globals, or none for a fresh store. Every
    // record is verified; an error names the first that is corrupt.
    Result<std::optional<statemachine::Globals>, StorageError> load(
        const std::function<void(statemachine::Row)>& row) const;

    // What is there now. Null for a fresh store.
    Result<std::unique_ptr<StateReader>, StorageError> snapshot() const;

    // Everything is replaced, in one durable transaction, by a state that another member handed
    // on: `rows` are all there are, as for commit(). The log's entries up to its slot are of no
    // use from then on, for nobody compared them with what was chosen: LogStore::recover() is to
    // be told the slot.
    void replace(std::span<const statemachine::Row> rows, const statemachine::Globals& globals);
    // The slot of the last state that came that way; 0: none did.
    statemachine::Revision replaced() const;

    std::uint64_t bytes_used() const;
    // Of the file: what is used, what is free again, and what only an open snapshot still needs.
    std::uint64_t bytes_reached() const;

private:
    friend class StateReader;
    struct Impl;
    explicit StateStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::persistence
