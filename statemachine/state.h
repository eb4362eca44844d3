#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "statemachine/outcomes.h"
#include "statemachine/types.h"

namespace gavel::statemachine {

enum class ReleaseReason : std::uint8_t { released, session_ended, session_expired, forced };

struct Session {
    SessionId id{};
    std::string name{};
    DurationMs ttl{};
    DurationMs lock_delay{};
    std::string metadata{};
    TimeMs created_at{};
    bool ends_with_locks{};  // OpenSession
    // Why it has ended, while commands still free what it held; none: it lives.
    std::optional<ReleaseReason> ending{};
    bool operator==(const Session&) const = default;
};

// One session's hold of a lock. A row of its own, so that who comes to a lock that a thousand share
// leaves the rows of the others alone.
struct Holder {
    std::string lock{};
    SessionId session{};
    Token token{};
    TimeMs since{};
    std::string metadata{};
    LockMode mode{};
    std::uint64_t limit{};  // AcquireLock; the same of all who share a lock or wait to.
    bool operator==(const Holder&) const = default;
};

struct LastRelease {
    SessionId session{};
    Token token{};
    TimeMs at{};
    Revision revision{};
    ReleaseReason reason{};
    std::string author{};   // Of a release by force.
    std::string comment{};  // Likewise: the reason that was given.
    bool operator==(const LastRelease&) const = default;
};

// What is remembered of a lock beside who holds it and who waits; none if there is nothing.
struct Lock {
    std::string name{};
    std::optional<LastRelease> last_release{};
    DurationMs delay{};     // Nobody is granted the lock until EndLockDelay; 0: no delay.
    Revision delayed_at{};  // What began the delay, and when.
    TimeMs delayed_since{};
    bool operator==(const Lock&) const = default;
};

// A place in a lock's queue; places are ordered by `place`. An acquire of several locks has one in
// the queue of each, with the same `place`.
struct Waiter {
    std::string lock{};
    SessionId session{};
    Revision place{};    // Revision of the first acquire: the place in the queue.
    Revision attempt{};  // Revision of the latest acquire.
    DurationMs wait{};   // Of the latest acquire.
    TimeMs since{};
    std::string metadata{};
    std::string idempotency_key{};  // Whose outcome the grant completes; may be empty.
    LockMode mode{};
    std::uint64_t limit{};
    bool operator==(const Waiter&) const = default;
};

struct KeyValue {
    std::string key{};
    Bytes value{};
    std::string content_type{};
    std::string author{};
    Revision created{};
    Revision modified{};
    std::uint64_t version{};  // 1 when created, one more with each put.
    TimeMs modified_at{};
    SessionId session{};  // Whose end deletes the key; 0: it stays.
    std::string reason{};
    // Of the deletion that its creation followed; 0: of none that was remembered.
    Revision deleted_before{};
    Revision schema{};  // That it was found to fit; 0: none governed the key.
    bool operator==(const KeyValue&) const = default;
};

struct KeyDeletion {
    std::string key{};
    Revision revision{};
    std::uint64_t version{};  // Of the value that it ended.
    TimeMs at{};
    std::string author{};
    std::string reason{};
    bool operator==(const KeyDeletion&) const = default;
};

// A put or a deletion: what the key was from then on.
using KeyRecord = std::variant<Ptr<KeyValue>, Ptr<KeyDeletion>>;
Revision revision_of(const KeyRecord& change);

// A piece of a key's past: a value that was replaced or deleted, or a deletion.
struct PastVersion {
    KeyRecord change{};
    // When it became the past; a deletion is so at once, though the key may be gone to this day.
    Revision over{};
    TimeMs over_at{};
};

// What watchers see. All events of one revision belong together; `index` orders them within it.
struct KeyPutEvent {
    Ptr<KeyValue> value{};
};
struct KeyDeletedEvent {
    std::string key{};
    std::uint64_t version{};
};
struct LockEvent {
    // The last one is an operator's, of a delay that nobody held the lock beside; session and token
    // are then those of its last release.
    enum class Change : std::uint8_t { acquired, released, expired, broken, delay_ended };
    std::string lock{};
    Change change{};
    SessionId session{};
    Token token{};
    LockMode mode{};
    std::string author{};   // Of what was done by force.
    std::string comment{};  // Likewise: the reason that was given.
    bool is_forced() const { return change == Change::broken || change == Change::delay_ended; }
    bool operator==(const LockEvent&) const = default;
};
// A change of the member set: decided at the event's revision, governing from `first_slot` on.
struct MemberEvent {
    enum class Change : std::uint8_t { added, removed, role_changed };
    MemberNumber member{};
    std::string name{};
    std::string peer_address{};
    Change change{};
    Role role{};  // From then on; of one that was removed, until then.
    std::uint64_t epoch{};
    Revision first_slot{};
    bool operator==(const MemberEvent&) const = default;
};
using EventBody = std::variant<KeyPutEvent, KeyDeletedEvent, LockEvent, MemberEvent>;

struct Event {
    Revision revision{};
    std::uint32_t index{};
    bool last{};  // The last of its revision: a stream may be resumed after it.
    EventBody body{};
};

// One revision's events, as kept for watches that resume.
struct Change {
    Revision revision{};
    TimeMs at{};
    std::vector<Event> events{};
};

// A number of a member's request window, with its first outcome.
struct RequestRecord {
    RequestId request{};
    Revision revision{};
    Outcome outcome{};
};

struct IdempotencyRecord {
    std::string key{};
    std::uint64_t fingerprint{};
    Revision revision{};
    TimeMs expires_at{};
    Outcome outcome{};
};

// What values of keys with the prefix have to fit.
struct Schema {
    std::string prefix{};
    std::string text{};  // A JSON Schema; opaque here.
    std::string author{};
    Revision revision{};  // Of the command that set it.
    TimeMs set_at{};
    bool operator==(const Schema&) const = default;
};

// What an operator allows to be stored.
struct Quota {
    std::string prefix{};  // Empty: of everything.
    QuotaBounds bounds{};
    bool operator==(const Quota&) const = default;
};

// A member that left: its id is never used again.
struct RemovedMember {
    MemberNumber id{};
    std::string name{};
    Revision first_slot{};  // From here on it was no member.
    bool operator==(const RemovedMember&) const = default;
};

// What belongs to no row: written with every commit of rows, in the same transaction.
struct Globals {
    Revision applied{};
    TimeMs time{};
    Revision leader_start{};
    // When the first leader started: tells a cluster from one made before from the same list.
    TimeMs founded_at{};
    std::uint64_t alpha{};
    std::vector<Epoch> epochs{};  // Those that govern slots above `applied`, pending ones included.
    MemberNumber next_member{};   // Every id below it was given out.
    std::vector<RemovedMember> removed{};  // The latest Limits::removed_members, oldest first.
    Revision history_floor{};              // Every change above it is in the history.
    std::uint64_t rows_hash{};  // Sum over all rows of their hashes: equal on equal states.
    // From here on, a key of which nothing tells that it was there was not there.
    Revision versions_floor{};
    bool operator==(const Globals&) const = default;
};

enum class Table : std::uint8_t {
    sessions = 1,
    locks = 2,
    waiters = 3,
    keys = 4,
    history = 5,
    requests = 6,
    idempotency = 7,
    versions = 8,
    schemas = 9,
    quotas = 10,
    holders = 11
};

// Names a row. Keys are at most 411 bytes and ordered bytewise:
//   sessions, history   8 bytes, big-endian id or revision
//   locks, keys         the name
//   waiters             8 bytes, big-endian place, and the lock's name
//   requests            2 bytes member, 8 bytes number modulo the window, big-endian
//   versions            the key's name, and 8 bytes, big-endian revision
//   idempotency         8 bytes, big-endian hash64 of the key, and its first 255 bytes
//   holders             8 bytes, big-endian session, and the lock's name
//   schemas, quotas     a slash, for no key may be empty, and the prefix
struct RowKey {
    Table table{};
    std::string key{};
    auto operator<=>(const RowKey&) const = default;
};

// monostate: the row is gone.
using RowValue = std::variant<std::monostate, Ptr<Session>, Ptr<Lock>, Ptr<Waiter>, Ptr<KeyValue>,
                              Ptr<Change>, Ptr<RequestRecord>, Ptr<IdempotencyRecord>, Ptr<Holder>,
                              Ptr<PastVersion>, Ptr<Quota>, Ptr<Schema>>;

struct Row {
    RowKey key{};
    RowValue value{};
};

}  // namespace gavel::statemachine
