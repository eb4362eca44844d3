#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "statemachine/types.h"

namespace gavel::statemachine {

// The first own command of every new leader: session expiries proposed under an earlier one have
// no effect after it.
struct LeaderStart {
    MemberNumber leader{};
    bool operator==(const LeaderStart&) const = default;
};

struct OpenSession {
    std::string name{};
    DurationMs ttl{};
    DurationMs lock_delay{};
    std::string metadata{};  // JSON text, opaque here.
    // It ends by itself once it has let go of, or lost, the last lock that it held or waited for.
    bool ends_with_locks{};
    bool operator==(const OpenSession&) const = default;
};

// A client ends its session: locks released, waits cancelled. One that held more than a command may
// free is ended all the same, and goes on ending (SessionEnding): this command again frees more.
struct EndSession {
    SessionId session{};
    bool operator==(const EndSession&) const = default;
};

// The leader lets a session lapse. Rests on the leader's LeaderStart: no effect once a later one
// has executed, so a deposed leader cannot take a session away.
struct ExpireSession {
    SessionId session{};
    Revision leader_start{};
    bool operator==(const ExpireSession&) const = default;
};

// Idempotent per (session, lock): a repeat finds the lock held, or its old place in the queue.
struct AcquireLock {
    std::string name{};
    SessionId session{};     // 0: one is opened for it, and ends with the lock or the wait.
    std::string metadata{};  // JSON text, opaque here.
    DurationMs wait{};       // 0: do not queue.
    LockMode mode{};
    // At most so many share the lock: a semaphore. 0: as many as may share any lock.
    std::uint64_t limit{};
    DurationMs ttl{};  // Of the session that is opened.
    bool operator==(const AcquireLock&) const = default;
};

// By session, by token, or by both, which then must agree. A session that only waits leaves the
// queue. By force, an operator takes the lock from everybody whom session and token do not exclude,
// and ends its delay.
struct ReleaseLock {
    std::string name{};
    std::optional<SessionId> session{};
    std::optional<Token> token{};
    bool force{};
    std::string reason{};  // Of force: why, and by whom, in words.
    std::string author{};
    bool operator==(const ReleaseLock&) const = default;
};

// A wait timed out. Names the acquire it ends (LockQueued::attempt): a later acquire of the same
// session keeps the place. Its outcome is LockGranted when the grant came first.
struct LeaveQueue {
    std::string name{};
    SessionId session{};
    Revision attempt{};
    bool operator==(const LeaveQueue&) const = default;
};

// The leader ends a lock's delay; names the revision that began it (Lock::delayed_at).
struct EndLockDelay {
    std::string name{};
    Revision delayed_at{};
    bool operator==(const EndLockDelay&) const = default;
};

// RFC 9110, section 13.1: If-Match and If-None-Match on a key's modify revision.
struct Precondition {
    enum class Kind : std::uint8_t {
        none,         // Always holds.
        absent,       // If-None-Match: *
        present,      // If-Match: *
        matches,      // If-Match: a list of revisions
        none_matches  // If-None-Match: a list of revisions
    };
    Kind kind{Kind::none};
    std::vector<Revision> revisions{};
    bool operator==(const Precondition&) const = default;
};

// A write that rests on a lock: it has an effect only while the token is live, which is looked at
// when it is executed. So a holder that was paused, and whose lock another has by now, writes
// nothing, however late its command comes.
//
// Sessions that were granted the lock by one command share its token: as long as one of them holds
// it the token is live for all, unless the guard names whose hold it is.
struct Guard {
    std::string lock{};
    Token token{};
    SessionId session{};  // 0: whoever holds the lock with that token.
    bool operator==(const Guard&) const = default;
};
// In place of a schema's revision: the value was found to fit none.
inline constexpr Revision no_schema = ~Revision{0};

struct PutKey {
    std::string key{};
    Bytes value{};
    std::string content_type{};
    std::string author{};
    Precondition precondition{};
    SessionId
        session{};  // The key is ephemeral: it is deleted when this session ends. 0: it is not.
    std::optional<Guard> guard{};
    std::string reason{};
    // Of the schema that the value was found to fit by whoever proposes it; 0: there was none. The
    // put is executed only if that is the one that governs the key.
    Revision schema{};
    bool operator==(const PutKey&) const = default;
};

struct DeleteKey {
    std::string key{};
    std::string author{};
    Precondition precondition{};
    std::optional<Guard> guard{};
    std::string reason{};
    bool operator==(const DeleteKey&) const = default;
};

// The key itself and all keys below it, which begin with its name and a '/'.
struct DeletePrefix {
    std::string key{};
    std::string author{};
    std::optional<Guard> guard{};
    std::string reason{};
    bool operator==(const DeletePrefix&) const = default;
};

// What a transaction demands of a key, or of a lock. Of a key that is not there, revision and
// version are 0, and no value is equal to what it has.
struct Compare {
    enum class Kind : std::uint8_t {
        exists,
        absent,
        revision,
        version,
        value,  // Byte for byte.
        json,   // Likewise, but for blanks between the tokens of JSON.
        token   // `name` is a lock's, `number` a token that has to be live.
    };
    Kind kind{};
    std::string name{};
    std::uint64_t number{};
    Bytes value{};
    SessionId session{};  // As in Guard, of a token.
    bool operator==(const Compare&) const = default;
};

// What a transaction does, in this order; each operation sees what those before it did.
struct PutOperation {
    std::string key{};
    Bytes value{};
    std::string content_type{};
    SessionId session{};  // As in PutKey.
    Revision schema{};    // Likewise.
    bool operator==(const PutOperation&) const = default;
};
struct DeleteOperation {
    std::string key{};
    bool recursive{};  // And all keys below it.
    bool operator==(const DeleteOperation&) const = default;
};
struct GetOperation {
    std::string key{};
    bool operator==(const GetOperation&) const = default;
};
using Operation = std::variant<PutOperation, DeleteOperation, GetOperation>;

// If all compares hold, `then` is done, else `otherwise`: all of it, at one revision, or nothing.
struct Transact {
    std::vector<Compare> compares{};
    std::vector<Operation> then{};
    std::vector<Operation> otherwise{};
    std::string author{};
    std::optional<Guard> guard{};
    std::string reason{};
    bool operator==(const Transact&) const = default;
};

// Brings a key, or every key with a prefix, back to what it was at a revision, all of them or none:
// what was changed since gets its old value as a new version, what was deleted is put again, what
// was created since is deleted. What is as it was is not touched.
struct RollBack {
    std::string target{};
    bool is_prefix{};
    Revision to{};
    std::string author{};
    std::optional<Guard> guard{};
    std::string reason{};
    // What came back when its values were judged, and by which schemas (digest_of_restored); 0: by
    // none. It is executed only if that is still so.
    std::uint64_t judged{};
    bool operator==(const RollBack&) const = default;
};

// A newcomer, which is a learner first and gets an id that was never used before. Its directory
// names it: a repeat finds the member there is. One that was registered ahead of its first start
// (incarnation 0) is claimed by whoever has its name and address.
struct AddMember {
    std::string name{};
    std::string peer_address{};
    std::uint64_t incarnation{};
    bool wants_vote{};
    bool operator==(const AddMember&) const = default;
};
struct SetRole {
    MemberNumber member{};
    Role role{};
    bool operator==(const SetRole&) const = default;
};
struct RemoveMember {
    MemberNumber member{};
    bool operator==(const RemoveMember&) const = default;
};
using MemberChange = std::variant<AddMember, SetRole, RemoveMember>;

// Changes the member set, all or nothing; what it leaves in slot i governs from slot i+alpha on
// (S34; Paxos Made Simple, section 3). Any set with a voter may follow any set (S35).
struct ChangeMembers {
    // The number of the newest epoch, pending or not, that the sender knew: another one refuses.
    // 0: whatever it is; only where nothing but newcomers are added.
    std::uint64_t based_on{};
    std::vector<MemberChange> changes{};
    bool operator==(const ChangeMembers&) const = default;
};

// Data directories as the members met them: from here on a member is known by its own and no other.
// The first one named counts.
struct PinMembers {
    struct Pin {
        MemberNumber member{};
        std::uint64_t incarnation{};
        bool operator==(const Pin&) const = default;
    };
    std::vector<Pin> pins{};
    bool operator==(const PinMembers&) const = default;
};

// Several locks, all or none, each once: granted together when each is free and its turn has come.
// A repeat finds them held, all under one token, or its old places in the queues.
struct AcquireLocks {
    struct Wanted {
        std::string name{};
        LockMode mode{};
        std::uint64_t limit{};
        bool operator==(const Wanted&) const = default;
    };
    SessionId session{};          // 0: one is opened for them, and ends with the last or the wait.
    std::vector<Wanted> locks{};  // At most locks_per_command_max.
    std::string metadata{};       // JSON text, opaque here; of each.
    DurationMs wait{};            // 0: do not queue.
    DurationMs ttl{};             // Of the session that is opened.
    bool operator==(const AcquireLocks&) const = default;
};

// Bounds what is stored, below what Limits allow: everything, or the keys with the prefix. Replaces
// the quota that was there; without any bound there is none from then on.
struct SetQuota {
    std::string prefix{};  // Empty: of everything.
    QuotaBounds bounds{};
    bool operator==(const SetQuota&) const = default;
};

// Values of keys with the prefix have to fit that JSON Schema from then on; those that are there
// stay. Here it is just a text: values are judged before they are proposed.
struct SetSchema {
    std::string prefix{};
    std::string text{};  // Empty: there is to be none.
    std::string author{};
    bool operator==(const SetSchema&) const = default;
};

// Several sessions lapse, as ExpireSession, and end together: what one of them held goes to nobody
// else of them. One command ends no more than Limits::ended_per_command; the others stay as they
// were, and one of which something is left goes on ending by the next.
struct ExpireSessions {
    std::vector<SessionId> sessions{};
    Revision leader_start{};
    bool operator==(const ExpireSessions&) const = default;
};

using Command = std::variant<LeaderStart, OpenSession, EndSession, ExpireSession, AcquireLock,
                             ReleaseLock, LeaveQueue, EndLockDelay, PutKey, DeleteKey,
                             ChangeMembers, PinMembers, AcquireLocks, Transact, DeletePrefix,
                             RollBack, SetQuota, SetSchema, ExpireSessions>;

// A client's Idempotency-Key and what it was used for: the same key with another fingerprint is
// refused.
struct IdempotencyKey {
    std::string key{};
    std::uint64_t fingerprint{};
    bool operator==(const IdempotencyKey&) const = default;
};

// What stands in a slot.
struct Entry {
    RequestId request{};
    TimeMs stamp{};  // Set by the leader when it proposes.
    std::optional<IdempotencyKey> idempotency{};
    Command command{};
    // Set by the leader, too: a disk has no room for more, so what would add to the state is
    // refused.
    bool spares_room{};
    bool operator==(const Entry&) const = default;
};

}  // namespace gavel::statemachine
