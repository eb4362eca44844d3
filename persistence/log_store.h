#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "paxos/records.h"
#include "proto/run.h"

namespace gavel::persistence {

// Who a data directory belongs to. Made once, when the directory is.
struct Identity {
    std::string cluster_id{};  // Hexadecimal.
    std::string name{};
    std::uint16_t member{};
    std::uint64_t incarnation{};  // Random: tells a wiped and re-made directory from this one.
    std::uint64_t alpha{};
    std::uint64_t format_level{};
    std::string initial_cluster{};  // As given at bootstrap, sorted: name=host:port,…
    std::string peer_address{};     // Where the others reach it.
    // Of a member that joined later: where others were then, number=host:port,…; else empty.
    std::string contacts{};
    bool operator==(const Identity&) const = default;
};

// What one member durably knows of another.
struct Acquaintance {
    std::uint64_t incarnation{};  // Of its data directory, as first seen.
    std::uint64_t boot{};         // The highest that it showed,
    std::uint64_t run{};          // and the id of that run.
    std::uint64_t writes{};       // Of its log: the most that it said were durable in that run.
    // It said that it durably knows this member by its present directory: the handshake went
    // through in both directions.
    bool mutual{};
    bool operator==(const Acquaintance&) const = default;
};

// What is wrong with a data directory, in one line fit for an operator.
struct StorageError {
    std::string what{};
    bool nothing_there{};  // No member was ever made in the directory.
};
// What value() does with one, where a caller has no use for the error itself.
[[noreturn]] void throw_exception_from_error(const StorageError& error,
                                             const boost::source_location& where);

// The log: the protocol's memory, on the hot path. Tables of LMDB, and before them a journal. One
// thread commits, another may settle and cut meanwhile; reads from any thread. Every failed commit
// ends the process: a retry that "succeeds" may be a lie. docs/storage.md has the format.
class LogStore {
public:
    struct Options {
        std::filesystem::path folder{};  // The data directory; the log stands in log/ below it.
        std::uint64_t map_bytes = 16ULL << 30;
        // Asked about a directory that is there already, before anything in it changes: a text
        // refuses it. Empty: it must be what `fresh` says, if that is given.
        std::function<std::optional<std::string>(const Identity&)> refuse{};
        // A new log may be made where there is a state already: the same owner's, and its first.
        bool beside_state = false;
    };
    ~LogStore();
    LogStore(LogStore&&) noexcept;
    LogStore& operator=(LogStore&&) noexcept;

    // Opens what is there; with `fresh` set, creates the directory's log for that identity when
    // there is none, and refuses one of another cluster, name, member or alpha. Holds an exclusive
    // lock on the folder until destroyed.
    static Result<LogStore, StorageError> open(Options options, std::optional<Identity> fresh);

    const Identity& identity() const;
    // Counts up, durably, at each open: 1 at the first.
    std::uint64_t boot() const;
    // Counts up once more, durably: for a member that begins anew without a start. Gives the new
    // one.
    std::uint64_t next_boot();
    // The latest, at most runs_max: the present one, which boot() numbers, is the last.
    std::vector<proto::Run> runs() const;
    // Batches that are durable, over all runs: never less than any that somebody was told of.
    std::uint64_t writes() const;
    // The protocol's memory, put together with the state's durable slot as recover() in recovery.h
    // says; of the entries only those above `applied` are read. Verifies every record it reads.
    // Settles first. Where the state came from another member at slot `replaced`, everything up to
    // there is cut before it is read: it may be other values than those that were chosen.
    Result<paxos::Durable, StorageError> recover(paxos::Slot applied, paxos::Slot replaced = {});

    // Durable together. Returns when the records are on the disk, or not at all. Most batches
    // become durable in the journal, and reach the tables by a later settle().
    void commit(std::span<const paxos::Record> records);
    // Moves what stands in the journal to the tables; while it does, commit() goes on. From any
    // thread. Worth doing when wants_to_settle(); commit() does it itself once there is no room.
    // What a durable state had `executed` before the call is known to be chosen from then on.
    void settle(paxos::Slot executed = {});
    bool wants_to_settle() const;
    // Chosen values from `from` on: consecutive, at most `max_bytes` (one value at least). None of
    // what has not settled, or is not known to be chosen yet: settle() changes that.
    std::vector<paxos::Value> read_chosen(paxos::Slot from, std::size_t max_bytes) const;
    // Removes the entries up to `through`, which the durable state must hold, some at a time.
    // Durable when it returns.
    void cut(paxos::Slot through);
    // The first slot that has not been cut.
    paxos::Slot oldest() const;
    // Half of the largest size is in use: what is kept for others has to give way.
    bool is_crowded() const;
    // Three quarters are, or will be when `more` has come: no more ought to come before some goes.
    bool is_nearly_full(std::size_t more) const;
    // Cuts in the same way, until less than that is in use, with some room for what comes next.
    void make_room(paxos::Slot through);

    // The other members, as this one came to know them. Durable when it returns.
    void remember(std::uint16_t member, const Acquaintance& acquaintance);
    // The same, durable with the next settle() or remember() of that member.
    void note(std::uint16_t member, const Acquaintance& acquaintance);
    std::map<std::uint16_t, Acquaintance> acquaintances() const;

    // This member's state at `slot` is not that of the others: no later start opens this directory.
    // Durable when it returns.
    void condemn(paxos::Slot slot);

    // This member was removed from the cluster, by what stands in `slot`: no later start opens this
    // directory. Durable when it returns.
    void retire(paxos::Slot slot);

    // The others have seen more of this member than stands in this directory: no later start opens
    // it. Durable when it returns.
    void quarantine();

    std::uint64_t bytes_used() const;
    std::uint64_t map_bytes() const;

private:
    struct Impl;
    explicit LogStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gavel::persistence
