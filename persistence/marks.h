#pragma once

#include "base/result.h"
#include "persistence/record.h"

namespace gavel::persistence {

// The log environment's single facts: a key each in the table `meta`, and the promise once more in
// a table of its own, so that one damaged page or record does not lose it.
struct Marks {
    paxos::Ballot promised{};
    paxos::Ballot attempted{};
    paxos::Slot chosen_prefix{};
    paxos::Slot cut{};
    std::uint64_t boot{};
    std::uint64_t settled{};  // Batches of the journal up to here stand in the tables.
    std::uint64_t direct{};   // Batches that did not go through the journal.
    std::vector<proto::Run> runs{};
    std::optional<paxos::Slot> retired{};   // Where it ceased to be a member.
    std::optional<paxos::Slot> diverged{};  // Where its state was found to differ from the others'.
    std::optional<std::uint64_t>
        set_back{};  // The start at which it was found to be an older copy.
};

class MarkTable {
public:
    // Both tables must be there; `owner` as of owner_of().
    MarkTable(MDB_dbi meta, MDB_dbi promise, std::string_view owner);

    // The larger of the readable promises counts: an older one can only be a copy that was not
    // rewritten. Everything else must be readable.
    Result<Marks, StorageError> read(const lmdb::Transaction& transaction) const;

    void put_promised(lmdb::Transaction& transaction, paxos::Ballot ballot) const;
    void put_attempted(lmdb::Transaction& transaction, paxos::Ballot ballot) const;
    void put_chosen_prefix(lmdb::Transaction& transaction, paxos::Slot slot) const;
    void put_cut(lmdb::Transaction& transaction, paxos::Slot slot) const;
    void put_boot(lmdb::Transaction& transaction, std::uint64_t boot) const;
    void put_runs(lmdb::Transaction& transaction, const std::vector<proto::Run>& runs) const;
    void put_settled(lmdb::Transaction& transaction, std::uint64_t batch) const;
    void put_direct(lmdb::Transaction& transaction, std::uint64_t batches) const;
    void put_retired(lmdb::Transaction& transaction, paxos::Slot slot) const;
    void put_diverged(lmdb::Transaction& transaction, paxos::Slot slot) const;
    void put_set_back(lmdb::Transaction& transaction, std::uint64_t boot) const;

    void put_acquaintance(lmdb::Transaction& transaction, std::uint16_t member,
                          const Acquaintance& acquaintance) const;
    Result<std::map<std::uint16_t, Acquaintance>, StorageError> acquaintances(
        const lmdb::Transaction& transaction) const;

private:
    std::optional<std::uint64_t> number(const lmdb::Transaction& transaction,
                                        std::string_view key) const;
    void put(lmdb::Transaction& transaction, std::string_view key, std::uint64_t number) const;
    std::optional<paxos::Ballot> promised(const lmdb::Transaction& transaction) const;
    std::optional<std::vector<proto::Run>> runs(const lmdb::Transaction& transaction) const;

    MDB_dbi meta_;
    MDB_dbi promise_;
    Seal meta_seal_;
    Seal promise_seal_;
};

}  // namespace gavel::persistence
