#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "paxos/types.h"
#include "proto/peer_message.h"
#include "statemachine/machine.h"

namespace gavel::daemon {

// Fetches the state of another member, piece by piece, into a machine of its own, and hands that
// out when it is whole, and its hash is that which its owner has. It asks for the next piece when
// it has the last one, and again when no answer comes; a member that stays silent, has nothing of
// use, or what is not right, is left for the next one, and the fetch begins anew. What was fetched
// is bounded as the state is. Pure.
class SnapshotSink {
public:
    static constexpr std::uint64_t patience_ms = 1'000;
    static constexpr unsigned asks_max = 4;  // In a row, to one that does not answer.
    // After what was refused: twice as long each time.
    static constexpr std::uint64_t refused_ms_min = 1'000;
    static constexpr std::uint64_t refused_ms_max = 60'000;

    struct Question {
        paxos::MemberId to{};
        proto::SnapshotAsk ask{};
    };
    struct Reached {
        std::uint64_t resumed{};     // An answer came only after a question was asked again.
        std::uint64_t begun_anew{};  // The snapshot, or the member that had it, was gone.
        std::uint64_t refused{};     // What came was damaged, or not what its hash says.
        bool operator==(const Reached&) const = default;
    };

    SnapshotSink(statemachine::Limits limits, std::uint64_t alpha)
        : limits_(limits), alpha_(alpha) {}

    // This member executed everything up to `prefix`, and what follows was cut from the log of
    // `from`. A fetch that is under way goes on.
    std::optional<Question> want(paxos::MemberId from, paxos::Slot prefix, paxos::Tick now);
    // `others` are ordered. A fetch that has been overtaken by `prefix` ends.
    std::optional<Question> tick(const std::vector<paxos::MemberId>& others, paxos::Slot prefix,
                                 paxos::Tick now);
    std::optional<Question> on_chunk(paxos::MemberId from, proto::SnapshotChunk chunk,
                                     paxos::Slot prefix, paxos::Tick now);
    // What is complete; null until then.
    std::unique_ptr<statemachine::Machine> take();

    // Whom it fetches from.
    std::optional<paxos::MemberId> source() const { return source_; }
    // Who sent what was refused last; none once a fetch ended well, or is not needed any more.
    std::optional<paxos::MemberId> refused_from() const { return refused_from_; }
    std::uint64_t bytes() const { return bytes_; }  // Of all rows that came.
    const Reached& reached() const { return reached_; }

private:
    Question ask(paxos::Tick now);
    std::optional<paxos::MemberId> whom_to_turn_to(const std::vector<paxos::MemberId>& others);
    void begin(std::uint64_t applied);
    bool load(proto::SnapshotChunk& chunk);
    void refuse(paxos::Tick now);
    void turn_away(paxos::Tick until);
    void forget();
    void end();

    statemachine::Limits limits_;
    std::uint64_t alpha_;
    std::optional<paxos::MemberId> source_;
    std::optional<paxos::MemberId> told_by_;
    paxos::Slot wanted_at_{};
    paxos::Tick due_{};         // When to ask again, or another one.
    unsigned asks_ = 0;         // Since the last answer.
    bool turned_away_ = false;  // Its answers are of no use: the next one is asked when it is time.
    std::optional<paxos::MemberId> refused_from_;
    std::uint64_t refused_wait_ms_ = refused_ms_min;
    std::uint64_t applied_ = 0;
    statemachine::RowKey last_{};
    std::unique_ptr<statemachine::Machine> loading_;
    std::unique_ptr<statemachine::Machine> complete_;
    std::uint64_t bytes_ = 0;
    Reached reached_;
};

}  // namespace gavel::daemon
