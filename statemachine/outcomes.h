#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "statemachine/types.h"

namespace gavel::statemachine {

// Nothing to tell: LeaderStart, ExpireSession, ExpireSessions, EndLockDelay.
struct Done {
    bool operator==(const Done&) const = default;
};

struct SessionOpened {
    SessionId session{};
    bool operator==(const SessionOpened&) const = default;
};
struct SessionEnded {
    bool operator==(const SessionEnded&) const = default;
};
struct SessionNotFound {
    SessionId session{};
    bool operator==(const SessionNotFound&) const = default;
};

struct LockGranted {
    Token token{};
    TimeMs since{};
    bool fresh{};         // False: the session held it already.
    SessionId session{};  // That the acquire opened; 0: it named one.
    bool operator==(const LockGranted&) const = default;
};
// Not final: the session stands in the queue until a LockEvent grants it, LeaveQueue, or its end.
struct LockQueued {
    Revision attempt{};
    std::uint64_t position{};  // 1 is next. Of several locks: where it is furthest behind.
    SessionId session{};       // That the acquire opened; 0: it named one.
    bool operator==(const LockQueued&) const = default;
};
// Not got, and not (or no longer) in the queue.
struct LockHeld {
    SessionId holder{};        // Who has held it longest. 0: free, but delayed or waited for.
    Token token{};             // 0 with holder 0: it is waited for.
    std::uint64_t position{};  // Of the place given up or that would have been taken.
    std::uint64_t others{};    // Who hold it besides.
    std::string lock{};        // The first of several that could not be had.
    bool operator==(const LockHeld&) const = default;
};
struct LockReleased {
    Token token{};
    bool operator==(const LockReleased&) const = default;
};
struct LeftQueue {
    bool operator==(const LeftQueue&) const = default;
};
struct NotHolder {
    SessionId holder{};  // 0: nobody.
    // Holders that have the token which alone was named: it does not say whose lock to release.
    std::uint64_t sharing{};
    bool operator==(const NotHolder&) const = default;
};

struct KeyPut {
    std::uint64_t version{};
    bool created{};
    bool operator==(const KeyPut&) const = default;
};
struct KeyDeleted {
    bool operator==(const KeyDeleted&) const = default;
};
struct KeyNotFound {
    bool operator==(const KeyNotFound&) const = default;
};
struct PreconditionFailed {
    Revision present{};  // The key's modify revision; 0: there is no such key.
    bool operator==(const PreconditionFailed&) const = default;
};

// The member set that governs from `first_slot` on. Nothing had to change: the present one.
struct MembersChanged {
    std::uint64_t epoch{};
    Revision first_slot{};
    std::vector<MemberNumber> added{};  // One for each AddMember, in order.
    bool operator==(const MembersChanged&) const = default;
};
// The set was changed since the epoch that the command names. Changes nothing.
struct EpochMismatch {
    std::uint64_t present{};
    bool operator==(const EpochMismatch&) const = default;
};
// Such a set there cannot be. Changes nothing.
struct MembersRefused {
    enum class Reason : std::uint8_t {
        no_such_member,
        name_taken,
        address_taken,
        registered_otherwise,  // The same directory, under another name or address.
        no_voter_left,
        too_many_voters,
        too_many_members,
        too_many_pending,
        ids_used_up
    };
    Reason reason{};
    MemberNumber member{};  // Whom it is about; 0: nobody in particular.
    bool operator==(const MembersRefused&) const = default;
};

// How many keys a RollBack changed: nothing when all was as it had been.
struct RolledBack {
    std::uint64_t restored{};  // Another value or content type than they had, or none.
    std::uint64_t deleted{};   // Created since.
    bool operator==(const RolledBack&) const = default;
};
// Changes nothing.
struct RollBackRefused {
    enum class Reason : std::uint8_t {
        compacted,      // What `key` was then is not known any more.
        future,         // The revision is yet to come.
        too_many_keys,  // That would change, or that would have to be looked at.
        too_large       // The values that would have to be put.
    };
    Reason reason{};
    std::string key{};
    Revision oldest{};  // Of compacted: the oldest revision at which `key` is known.
    bool operator==(const RollBackRefused&) const = default;
};

// An acquire that would close a cycle of waits: each session waits for a lock that the next one
// holds or will be granted before it, and the last waits for the first. Not queued.
struct Deadlock {
    struct Wait {
        SessionId session{};
        std::string lock{};
        bool operator==(const Wait&) const = default;
    };
    std::vector<Wait> cycle{};  // Begins with the acquire; the first deadlock_cycle_max of it.
    std::uint64_t length{};
    bool operator==(const Deadlock&) const = default;
};

// An acquire that does not go with what the session, or others, have of the lock already. Changes
// nothing.
struct LockRefused {
    enum class Reason : std::uint8_t {
        mode,     // The session holds it, or waits for it, in the other mode.
        limit,    // Others hold it or wait for it under another limit.
        waiting,  // The session waits for it, or for it with others, by another request.
        held      // Of several locks the session holds some, or has them by different grants.
    };
    Reason reason{};
    std::string lock{};
    std::uint64_t limit{};  // The present one.
    bool operator==(const LockRefused&) const = default;
};

// A bound of Limits would be passed. Changes nothing.
struct LimitReached {
    enum class What : std::uint8_t {
        sessions,
        locks,
        locks_per_session,
        waiters,
        keys,
        key_bytes,
        idempotency_keys,
        keys_per_session,
        quotas,
        schemas
    };
    What what{};
    bool operator==(const LimitReached&) const = default;
};

// A bound that an operator set would be passed. Changes nothing.
struct QuotaExceeded {
    enum class What : std::uint8_t { bytes, keys, sessions };
    What what{};
    std::string prefix{};  // Of the quota; empty: that of everything.
    std::uint64_t limit{};
    std::uint64_t used{};
    std::uint64_t more{};  // What was asked for on top.
    bool operator==(const QuotaExceeded&) const = default;
};
// A member's disk has no room for more than there is. Changes nothing.
struct StorageFull {
    bool operator==(const StorageFull&) const = default;
};
// Nothing of that kind was set for the prefix.
struct RuleNotFound {
    bool operator==(const RuleNotFound&) const = default;
};

// The value was judged by another schema than governs the key now. Changes nothing: it has to be
// judged again.
struct SchemaChanged {
    Revision present{};  // Of the one that governs; 0: none does.
    bool operator==(const SchemaChanged&) const = default;
};

// The Idempotency-Key was used for another request.
struct IdempotencyKeyReused {
    bool operator==(const IdempotencyKeyReused&) const = default;
};

// The request id is of an older run of its member, or too far behind its newest: not executed.
struct RequestTooOld {
    bool operator==(const RequestTooOld&) const = default;
};

// A transaction was executed, by one branch or the other. Values that were got are no part of the
// outcome, which is kept for a day: they go with the answer to the first execution (Applied::got),
// and a repeat is told at which revision each of them stood.
struct Transacted {
    // Of each operation of the branch, in order.
    struct Result {
        enum class Kind : std::uint8_t {
            put,      // `number` is the key's version now.
            deleted,  // How many keys.
            got       // The key's modify revision; 0: there is no such key.
        };
        Kind kind{};
        std::uint64_t number{};
        bool operator==(const Result&) const = default;
    };
    bool succeeded{};
    std::uint64_t failed{};  // The first compare that did not hold, counted from 0.
    std::vector<Result> results{};
    bool operator==(const Transacted&) const = default;
};
// The token that a write rests on is not live. Changes nothing.
struct StaleToken {
    Token live{};  // The one that is; 0: none.
    bool operator==(const StaleToken&) const = default;
};
struct PrefixDeleted {
    std::uint64_t count{};
    bool operator==(const PrefixDeleted&) const = default;
};
// More than one command may do. Changes nothing.
struct TooMuch {
    enum class What : std::uint8_t { keys_deleted, bytes_got, bytes_compared };
    What what{};
    bool operator==(const TooMuch&) const = default;
};

// The session has ended, and so much of what it held is not free yet.
struct SessionEnding {
    std::uint64_t left{};
    bool operator==(const SessionEnding&) const = default;
};

using Outcome =
    std::variant<Done, SessionOpened, SessionEnded, SessionNotFound, LockGranted, LockQueued,
                 LockHeld, LockReleased, LeftQueue, NotHolder, KeyPut, KeyDeleted, KeyNotFound,
                 PreconditionFailed, LimitReached, IdempotencyKeyReused, RequestTooOld,
                 MembersChanged, EpochMismatch, MembersRefused, Deadlock, LockRefused, Transacted,
                 StaleToken, PrefixDeleted, TooMuch, RolledBack, RollBackRefused, QuotaExceeded,
                 StorageFull, RuleNotFound, SchemaChanged, SessionEnding>;

// It changed nothing because there was no room, or it was too much at once: the same may go well
// another time.
inline bool lacks_room(const Outcome& outcome) {
    return std::holds_alternative<LimitReached>(outcome) ||
           std::holds_alternative<TooMuch>(outcome) ||
           std::holds_alternative<RollBackRefused>(outcome) ||
           std::holds_alternative<QuotaExceeded>(outcome) ||
           std::holds_alternative<StorageFull>(outcome);
}

// Not kept for an Idempotency-Key: the same command has another outcome when its time has come.
inline bool is_passing(const Outcome& outcome) {
    return lacks_room(outcome) || std::holds_alternative<SchemaChanged>(outcome);
}

}  // namespace gavel::statemachine
