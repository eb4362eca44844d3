#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "persistence/lmdb.h"
#include "persistence/marks.h"
#include "persistence/record_table.h"

namespace gavel::persistence {

// The log's tables: what has settled of the protocol's memory, an entry for each slot and the
// marks. One thread at a time writes records and cuts; any may read meanwhile, or change a mark of
// which the records say nothing. Failures of the disk are thrown as DiskError. docs/storage.md has
// the format.
class LogTables {
public:
    struct Handles {
        MDB_dbi meta{};
        MDB_dbi promise{};
        MDB_dbi log{};
        MDB_dbi pieces{};

        static Handles open(lmdb::Transaction& transaction, unsigned flags);
        MarkTable marks(const Identity& owner) const;
    };

    // Creates them, empty but for whose they are. Batches of the journal up to `settled` count as
    // moved.
    static void make(lmdb::Transaction& transaction, const Identity& owner, std::uint64_t settled);

    // Whose they are must have been read and verified; `found` stands in them.
    LogTables(lmdb::Environment environment, Handles tables, const Identity& owner,
              const Marks& found);

    // As they stand there, but for those that change() changes.
    const Marks& marks() const { return written_; }

    // What the journal held up to batch `settled`, then a batch that did not go through it, if
    // there is one, in one durable transaction; with what was noted.
    void write(std::span<const paxos::Record> moved, std::span<const paxos::Record> direct,
               std::uint64_t settled);
    // Removes entries up to `through`, the oldest first, until no more than `bytes` are in use, as
    // many as go into a bounded transaction; durable. Gives the slot up to which they are gone.
    paxos::Slot cut_some(paxos::Slot through, std::uint64_t bytes = 0);
    // Another run begins, after so many batches; durable. Gives its number.
    std::uint64_t next_boot(std::uint64_t writes);
    // A mark of another kind; durable.
    void change(const std::function<void(lmdb::Transaction&, const MarkTable&)>& put);

    // Another member, as it is known now: durable when it returns, or with the next write(). What
    // is remembered outranks what was noted before. From any thread.
    void remember(std::uint16_t member, const Acquaintance& acquaintance);
    void note(std::uint16_t member, const Acquaintance& acquaintance);
    bool has_notes() const;

    // The memory above `applied`; faulty is what is damaged there, and the last hole below it.
    Result<paxos::Durable, StorageError> read_above(paxos::Slot applied) const;
    // Consecutive values from `from` on that are marked chosen or stand at or below `prefix`, at
    // most `max_bytes` of them, but one if there is one.
    std::vector<paxos::Value> read_chosen(paxos::Slot from, std::size_t max_bytes,
                                          paxos::Slot prefix) const;
    std::map<std::uint16_t, Acquaintance> acquaintances() const;
    std::uint64_t bytes_used() const;
    std::uint64_t map_bytes() const { return map_bytes_; }

private:
    // One transaction on its way.
    struct Batch {
        lmdb::Transaction transaction;
        Marks marks{};
        paxos::Slot last{};  // The largest slot in the table.
    };

    void write(const paxos::PromiseRecord& record, Batch& batch) const;
    void write(const paxos::AttemptRecord& record, Batch& batch) const;
    void write(const paxos::AcceptRecord& record, Batch& batch) const;
    void write(const paxos::ChosenRecord& record, Batch& batch) const;
    void write(const paxos::PrefixRecord& record, Batch& batch) const;
    void write_marks(Batch& batch) const;
    void write_notes(Batch& batch);

    // None: not there, or not readable.
    std::optional<paxos::LogEntry> entry(const Batch& batch, paxos::Slot slot) const;
    void put(Batch& batch, paxos::Slot slot, const paxos::LogEntry& entry) const;
    std::optional<paxos::LogEntry> opened(const lmdb::Transaction& transaction,
                                          const lmdb::Cursor::Item& item) const;
    std::uint64_t bytes_used(const lmdb::Transaction& transaction) const;
    paxos::Slot hole_below(const lmdb::Transaction& transaction, paxos::Slot applied,
                           paxos::Slot from) const;

    lmdb::Environment environment_;
    std::uint64_t map_bytes_;
    Handles tables_;
    RecordTable log_;
    MarkTable mark_table_;
    Marks written_;
    paxos::Slot last_{};  // The largest slot in the table.

    struct Notes {
        std::mutex mutex{};  // Taken within a transaction, if there is one.
        std::map<std::uint16_t, Acquaintance> of_members{};
    };
    std::unique_ptr<Notes> notes_ = std::make_unique<Notes>();
};

// Takes its place among the runs that are remembered. Its id is random.
void begin_run(Marks& marks, std::uint64_t writes);

}  // namespace gavel::persistence
