#pragma once

#include <cstddef>
#include <cstdint>

namespace gavel::statemachine {

// Bounds of the replicated state. A command that would pass one is refused, alike on every member:
// these numbers are part of the format level, not options. docs/operating.md has the table.
struct Limits {
    std::size_t sessions = 200'000;
    // Held locks, over all sessions; each holder counts. Past it nobody is granted a lock at once;
    // who waits still gets it, so that there may be as many more as may wait.
    std::size_t locks_held = 200'000;
    std::size_t locks_per_session = 4'096;   // Held and waited for.
    std::size_t holders_per_lock = 4'096;    // That share it.
    std::size_t waiters = 200'000;           // Places in queues, over all locks.
    std::size_t grants_per_command = 4'096;  // From queues; further ones follow at once.
    std::size_t deadlock_steps = 4'096;      // Of one search; past it the acquire just waits.
    std::size_t free_locks = 20'000;         // Free locks whose last release is remembered.
    std::size_t keys = 4'000'000;
    std::uint64_t key_bytes = 1ULL << 32;    // Keys and values together.
    std::size_t keys_per_session = 1'024;    // Ephemeral ones, which end with it.
    std::size_t deleted_at_once = 10'000;    // Keys, by one command.
    std::uint64_t got_at_once = 4ULL << 20;  // Bytes of values, by one transaction.
    // Bytes of values that one transaction looks through as JSON: of what is stored, for the blanks
    // in it make no request larger.
    std::uint64_t compared_at_once = 4ULL << 20;
    std::size_t history_changes = 16'384;  // Revisions kept for watches that resume.
    std::uint64_t history_bytes = 16ULL << 20;
    std::size_t versions_per_key = 100;          // Old values and deletions of one key.
    std::uint64_t version_bytes = 128ULL << 20;  // Of all keys together.
    std::int64_t version_ms = 30LL * 24 * 3600 * 1000;
    std::size_t rolled_back_keys = 10'000;        // Changed by one RollBack.
    std::size_t rolled_back_looked_at = 100'000;  // Keys with the prefix, gone ones included.
    std::uint64_t rolled_back_bytes = 4ULL << 20;
    std::size_t request_window = 4'096;  // Numbers remembered per member, W of docs/paxos.md.
    std::size_t voters = 7;
    std::size_t members = 32;          // Voters and learners of one epoch.
    std::size_t pending_epochs = 16;   // Decided, and not governing yet.
    std::size_t removed_members = 64;  // Whose names are remembered.
    // Their day ends early while there are more than half as many, but never within the first ten
    // minutes. The last tenth is for requests that free something.
    std::size_t idempotency_keys = 100'000;
    std::int64_t idempotency_ms = 24LL * 3600 * 1000;
    std::int64_t idempotency_least_ms = 10LL * 60 * 1000;
    std::size_t ended_per_command = 256;  // Sessions, and what they held, that one command ends.
    std::size_t quotas = 256;             // Of prefixes, and that of everything.
    std::size_t schemas = 1'024;
};

// Bounds of single fields, checked where a command enters (api/) and relied on everywhere else.
inline constexpr std::size_t name_bytes_max = 400;   // Names of locks and keys.
inline constexpr std::size_t label_bytes_max = 256;  // Session names, authors, reasons, types.
inline constexpr std::size_t metadata_bytes_max = 4'096;
inline constexpr std::size_t schema_bytes_max = 64 << 10;
inline constexpr std::size_t value_bytes_max = 1 << 20;
inline constexpr std::size_t idempotency_key_bytes_max = 255;
inline constexpr std::size_t row_key_bytes_max = 411;  // statemachine/state.h, RowKey.
inline constexpr std::size_t member_changes_max = 64;  // In one command.
// Of a transaction: what it compares and what it does, in both branches together.
inline constexpr std::size_t transaction_parts_max = 128;
inline constexpr std::size_t locks_per_command_max = 64;
inline constexpr std::size_t deadlock_cycle_max = 16;     // Waits that are told of a cycle.
inline constexpr std::size_t expired_sessions_max = 256;  // In one command.

}  // namespace gavel::statemachine
