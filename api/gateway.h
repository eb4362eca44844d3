#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "statemachine/commands.h"
#include "statemachine/machine.h"

namespace gavel::api {

// In which history revisions count: another cluster's has another number, and so has that of one
// that was made before from the same list of members. 0: there is none yet.
using HistoryId = std::uint32_t;

// Why the service could not do what was asked, as far as that is not the state machine's answer.
struct Failure {
    enum class Kind : std::uint8_t {
        no_leader,        // Nothing was done.
        overloaded,       // A queue is full; nothing was done.
        shutting_down,    // Nothing was done.
        timed_out,        // A read could not be confirmed in time.
        outcome_unknown,  // A write may or may not have been done, or may yet be.
    };
    Kind kind{};
};

// What became of a command that was executed.
struct Executed {
    statemachine::Revision revision{};
    bool repeated{};  // An Idempotency-Key was seen before: this is the first outcome.
    statemachine::Outcome outcome{};
    std::uint64_t applied{};  // This member's applied slot when the outcome was known.
    std::vector<statemachine::Ptr<statemachine::KeyValue>> got{};  // As in statemachine::Applied.
};
using SubmitResult = std::variant<Executed, Failure>;

struct Submission {
    statemachine::Command command{};
    std::optional<statemachine::IdempotencyKey> idempotency{};
    std::chrono::milliseconds timeout{};  // For an acquire that waits: on top of its wait.
    // Of one that waits for a lock. Expired: nobody is there to be told any more, and the wait
    // takes no room. None: it is waited for in any case.
    std::optional<std::weak_ptr<void>> asker{};
};

struct ReadOptions {
    bool stale{};                           // Local state at once.
    statemachine::Revision min_revision{};  // Wait until this much is applied here; 0: nothing.
    std::chrono::milliseconds timeout{};
};
// Runs on the core thread against the state at the right slot: copies out what it needs (the views'
// Ptrs may be kept) and returns at once. Null: the read failed, `failure` says why.
using Query =
    std::function<void(const statemachine::Machine* state, std::optional<Failure> failure)>;

struct KeptAlive {
    bool found{};
    std::chrono::milliseconds expires_in{};
    // Of the leader who kept it: that gave every session its full time anew.
    statemachine::Revision leader_start{};
};
using KeepAliveResult = std::variant<KeptAlive, Failure>;

// Who leads, and under which ballot.
struct Led {
    std::uint16_t leader_id{};
    std::uint64_t ballot{};
};
using HandOverResult = std::variant<Led, Failure>;
struct HandOverWish {
    statemachine::MemberNumber to{};          // 0: the best informed of the others.
    statemachine::MemberNumber instead_of{};  // To 0: who is not to lead; 0: who does now.
    bool force{};                             // Though it is far behind.
    bool operator==(const HandOverWish&) const = default;
};

// How much time sessions have left unless they are kept alive.
using Leases = std::map<statemachine::SessionId, std::chrono::milliseconds>;

struct MemberView {
    statemachine::Member member{};
    std::string client_address{};            // Empty: not known yet.
    std::optional<std::uint64_t> applied{};  // Of the last report.
    std::optional<std::uint64_t> lag{};      // Slots behind this member, when it reported.
    std::optional<std::chrono::milliseconds> last_contact{};  // Since; none: never heard from.
    std::string version{};
};

// A snapshot of what the member knows of itself and the others.
struct Status {
    std::uint16_t member_id{};
    std::string name{};
    std::string role{};         // leader, follower, learner
    std::uint16_t leader_id{};  // 0: none known.
    std::uint64_t ballot{};
    std::uint64_t chosen{};
    std::uint64_t applied{};
    std::uint64_t durable_applied{};  // Of the state environment.
    std::uint64_t epoch{};
    std::uint64_t alpha{};
    std::string cluster_id{};
    std::string version{};
    std::uint64_t boot{};
    bool ready{};
    std::string not_ready_reason{};
    std::uint64_t sessions{};
    std::uint64_t keys{};
    std::uint64_t key_bytes{};
    std::uint64_t waiting{};    // Clients that wait for a lock here.
    std::uint64_t log_bytes{};  // In use.
    std::uint64_t log_bytes_max{};
    std::uint64_t log_oldest{};  // The first slot that it holds.
    std::uint64_t state_bytes{};
    std::uint64_t state_bytes_max{};
    std::uint64_t history_floor{};
    std::uint64_t idempotency_keys{};
    std::uint64_t versions{};  // Old values of keys, and deletions.
    std::uint64_t version_bytes{};
    std::uint64_t versions_floor{};
    std::uint64_t messages_dropped{};  // To or from peers, for want of room.
    std::vector<std::pair<std::string_view, std::uint64_t>> messages_sent{};  // Of Paxos, by kind.
    std::uint64_t elections{};  // Ballots this member tried since it started.
    std::uint64_t commits{};    // Durable transactions of the log since it started.
    std::uint64_t proposals{};  // Commands proposed here since it started.
    std::uint64_t reads{};
    std::uint64_t snapshots_sent{};  // Of the state, whole, to members that lack too much.
    std::uint64_t snapshots_installed{};
    std::uint64_t snapshots_refused{};  // Damaged, or not what their hash says.
    std::uint64_t snapshot_bytes_sent{};
    std::uint64_t snapshot_bytes_received{};
    std::vector<std::string> alarms{};
    std::vector<statemachine::Epoch> epochs{};  // Of the window: the first governs, others will.
    std::string initial_cluster{};              // As the cluster was made: name=host:port,…
    std::uint64_t format_level{};
    std::vector<MemberView> members{};  // Of any of these epochs, ordered by id.
};

// The state as of one slot, to be copied piece by piece (GET /v1/backup). It is closed when it is
// let go of.
class Backup {
public:
    virtual ~Backup() = default;
    struct Piece {
        std::shared_ptr<const std::string> bytes{};  // Null: it cannot be read.
        bool last{};
    };
    virtual std::uint64_t applied() const = 0;
    // What comes next, read on a thread of its own; `done` is a callback of the Gateway's. One at a
    // time.
    virtual void read(std::function<void(Piece)> done) = 0;
};
using BackupResult = std::variant<std::shared_ptr<Backup>, Failure>;

// The door from HTTP to the member. Calls may come from any thread; every callback runs on the core
// thread and must only hand its result over to where it is wanted. Each is called exactly once.
class Gateway {
public:
    virtual ~Gateway() = default;

    // Answers when the command has executed here. An AcquireLock with a wait is answered when the
    // wait is over: LockGranted, or LockHeld when it timed out, or SessionNotFound.
    virtual void submit(Submission submission, std::function<void(SubmitResult)> done) = 0;
    virtual void read(ReadOptions options, Query query) = 0;
    virtual void keep_alive(statemachine::SessionId session, std::chrono::milliseconds timeout,
                            std::function<void(KeepAliveResult)> done) = 0;
    // Asks the leader about at most leases_max sessions. Those it does not know are missing, and
    // all are when no leader that a majority follows has answered within `patience`.
    virtual void leases(std::vector<statemachine::SessionId> sessions,
                        std::chrono::milliseconds patience, std::function<void(Leases)> done) = 0;
    static constexpr std::size_t leases_max = 1'000;
    // Lets that voter lead. Answers once it leads, as far as this member can see, or once the time
    // is over: what was asked may come about later, or never.
    virtual void hand_over(HandOverWish wish, std::chrono::milliseconds timeout,
                           std::function<void(HandOverResult)> done) = 0;
    virtual void status(std::function<void(Status)> done) = 0;
    // The state as it is on the disk, once that is at `least` or beyond.
    virtual void backup(statemachine::Revision least, std::chrono::milliseconds timeout,
                        std::function<void(BackupResult)> done) = 0;

    // From now on every change, in order, each revision whole, exactly once, is handed to `sink`
    // on the core thread, for as long as the returned object lives. A query that runs at applied
    // slot A is followed by exactly the changes above A. Null: the state went on without changes
    // that anybody could be told of; what comes next does not follow what was seen.
    using Changes = std::shared_ptr<const std::vector<statemachine::Ptr<statemachine::Change>>>;
    virtual std::shared_ptr<void> subscribe(std::function<void(Changes)> sink) = 0;

    // Those of this member's state, by prefix; null: there are none. Cheap, from any thread.
    // Whoever is answered what a command became finds them as that command found them, or later.
    using Schemas = std::shared_ptr<const std::vector<statemachine::Ptr<statemachine::Schema>>>;
    virtual Schemas schemas() const = 0;

    // For the common response headers; cheap, from any thread.
    virtual std::uint64_t applied() const = 0;
    virtual std::uint16_t leader() const = 0;
    // Known before the first change is told of or read.
    virtual HistoryId history_id() const = 0;
};

}  // namespace gavel::api
