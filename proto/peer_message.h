#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "paxos/messages.h"
#include "proto/run.h"
#include "statemachine/state.h"

namespace gavel::proto {

// A follower hands a client's command to the leader. No answer travels back: the origin answers
// its client from its own execution of the command.
struct Forward {
    Bytes entry{};  // An encoded statemachine::Entry, not yet stamped.
    bool operator==(const Forward&) const = default;
};

// Sessions are kept alive with the leader. `number` names the request at the asking member.
struct KeepAlive {
    std::uint64_t number{};
    statemachine::SessionId session{};
    bool operator==(const KeepAlive&) const = default;
};
struct KeepAliveAnswer {
    enum class Verdict : std::uint8_t { kept, not_found, not_leader };
    std::uint64_t number{};
    Verdict verdict{};
    statemachine::DurationMs expires_in{};
    statemachine::Revision leader_start{};  // When kept: what this leader's time began with.
    bool operator==(const KeepAliveAnswer&) const = default;
};

// How much time sessions have left, which only the leader knows: for those who look at sessions and
// locks. A session that the leader says nothing of is not known to it.
struct LeasesAsk {
    std::uint64_t number{};
    std::vector<statemachine::SessionId> sessions{};  // At most leases_max.
    bool operator==(const LeasesAsk&) const = default;
};
struct Lease {
    statemachine::SessionId session{};
    statemachine::DurationMs expires_in{};
    bool operator==(const Lease&) const = default;
};
struct LeasesAnswer {
    std::uint64_t number{};
    std::vector<Lease> leases{};
    bool operator==(const LeasesAnswer&) const = default;
};
inline constexpr std::size_t leases_max = 1'000;  // In one question: those of a page.

// Whoever leads is asked to let that voter lead instead; 0: the best informed of the others. No
// answer travels back: who asked sees who leads, and asks again.
struct HandOverAsk {
    statemachine::MemberNumber to{};
    bool force{};  // Though it is far behind.
    bool operator==(const HandOverAsk&) const = default;
};

// The hash of a member's state after it executed `slot`.
struct StateHash {
    std::uint64_t slot{};
    std::uint64_t hash{};
    bool operator==(const StateHash&) const = default;
};

inline constexpr std::size_t state_hashes_max = 16;  // In one report.

// What a member tells the others about itself, now and then: for GET /v1/members.
struct MemberReport {
    std::uint64_t applied{};
    std::string client_address{};
    std::string version{};
    std::vector<StateHash> hashes{};  // The latest first; at most state_hashes_max.
    std::uint64_t durable{};          // Its state on the disk is that of this slot or a later one.
    bool lacks_room{};                // In its log: it takes no values for now.
    bool spares_room{};               // Its state's disk has no room for more than there is.
    bool operator==(const MemberReport&) const = default;
};

// A row of the state as it stands on the disk and travels.
struct EncodedRow {
    statemachine::RowKey key{};
    std::string value{};  // For decode_row().
    bool operator==(const EncodedRow&) const = default;
};

// A member whose missing values were cut from the others' logs fetches the state of one of them,
// piece by piece: each question names what it has, so it makes no difference which question was
// lost, asked again, or answered by a connection that is gone.
struct SnapshotAsk {
    std::uint64_t applied{};       // The slot of the snapshot that is being fetched.
    statemachine::RowKey after{};  // The last row it has of that.
    // All zero: it has none yet, and wants one beyond `applied`, which it executed itself.
    bool operator==(const SnapshotAsk&) const = default;
};
struct SnapshotChunk {
    std::uint64_t applied{};
    statemachine::RowKey after{};    // As it was asked; all zero: this is the beginning.
    std::vector<EncodedRow> rows{};  // Those that follow, in order of their keys.
    std::string globals{};           // For decode_globals(). Empty: there are more rows.
    std::uint64_t hash{};            // Of the whole state; with the globals.
    bool operator==(const SnapshotChunk&) const = default;
};
// Rows are added to a chunk until it holds this much: it ends with the row that reaches it.
inline constexpr std::size_t snapshot_chunk_bytes = 256 << 10;
// The value of one row. The largest by far are a key's (its value and some text) and the change
// left by the end of a session that held, and was waited for at, as many locks as it may.
inline constexpr std::size_t snapshot_row_bytes_max = 6 << 20;
inline constexpr std::size_t snapshot_globals_bytes_max = 1 << 20;

using PeerMessage = std::variant<paxos::Message, Forward, KeepAlive, KeepAliveAnswer, MemberReport,
                                 LeasesAsk, LeasesAnswer, SnapshotAsk, SnapshotChunk, HandOverAsk>;

// The first frame in each direction of a connection between members.
struct Hello {
    std::uint64_t format_level{};
    std::string cluster_id{};  // Hexadecimal.
    std::uint16_t member{};
    std::uint64_t incarnation{};  // Random, made with the data directory.
    std::uint64_t boot{};
    std::uint64_t alpha{};
    std::string version{};
    // Where it is to be dialled: whoever was away may not know it yet. May be empty.
    std::string peer_address{};
    // Its latest runs, at most runs_max, the present one, `boot`, last. Their numbers follow one
    // another.
    std::vector<Run> runs{};
    std::uint64_t writes{};  // Batches of its log that are durable, over all runs.
    bool operator==(const Hello&) const = default;
};

// To a member that must not go on, instead of a Hello.
inline constexpr std::size_t reason_bytes_max = 512;
struct Farewell {
    enum class Why : std::uint8_t {
        removed,   // From the cluster, and it is needed no more.
        set_back,  // It has forgotten what it promised: its data directory is an older one.
    };
    Hello hello{};  // Of the one who says so: not everyone is believed.
    Why why{};
    std::string reason{};
    bool operator==(const Farewell&) const = default;
};

}  // namespace gavel::proto
