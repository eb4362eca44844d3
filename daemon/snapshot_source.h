#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "paxos/types.h"
#include "proto/peer_message.h"

namespace gavel::daemon {

// A member's state as of one slot, for as long as the object lives.
class SnapshotReader {
public:
    virtual ~SnapshotReader() = default;
    virtual std::uint64_t applied() const = 0;
    // What follows `after`. Nothing: it cannot be read. By one thread at a time.
    virtual std::optional<proto::SnapshotChunk> read(const statemachine::RowKey& after) = 0;
};

// Makes it the last one of that state.
void complete(proto::SnapshotChunk& chunk, const statemachine::Globals& globals);

// Hands the state of this member to others that ask for it, a piece for each question. Whoever asks
// further of a snapshot that is still open gets what follows, everybody else the beginning of a
// newer one. Pieces are read elsewhere, one at a time, so that neither the core nor the log waits
// for one. Of those who ask nothing is remembered but what they will need of the log.
//
// Every call and callback is on the core thread, but for the jobs.
class SnapshotSource {
public:
    static constexpr std::size_t open_max = 2;
    static constexpr std::uint64_t idle_ms_max = 30'000;  // Then it is closed.
    // One that was opened within this time is good enough for whoever it is ahead of.
    static constexpr std::uint64_t share_ms = 5'000;
    // So long a member that has it whole may need to install it.
    static constexpr std::uint64_t install_ms_max = 600'000;
    // Who fetches asks every second (SnapshotSink): one that nobody asked for within this time
    // gives way to somebody who needs a newer one.
    static constexpr std::uint64_t left_ms = 5'000;

    struct Callbacks {
        // Null: there is no state yet.
        std::function<std::unique_ptr<SnapshotReader>()> open{};
        // Runs `job` somewhere else, then `done` here.
        std::function<void(std::function<void()> job, std::function<void()> done)> run{};
        // False: it was dropped.
        std::function<bool(paxos::MemberId to, proto::SnapshotChunk chunk)> send{};
    };

    explicit SnapshotSource(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}

    void on_ask(paxos::MemberId from, const proto::SnapshotAsk& ask, paxos::Tick now);
    void tick(paxos::Tick now);
    // This member's state is replaced: whoever fetched that of before begins anew.
    void close();
    // By member, the slot of the snapshot that it fetches, or has whole and may not have installed
    // yet: it needs the log beyond.
    std::map<paxos::MemberId, paxos::Slot> fetched() const;

    std::uint64_t snapshots_sent() const { return snapshots_sent_; }  // To the last piece.
    std::uint64_t bytes_sent() const { return bytes_sent_; }

private:
    struct Open {
        std::shared_ptr<SnapshotReader> reader{};
        paxos::Tick opened_at{};
        paxos::Tick asked_at{};
    };

    struct Fetch {
        paxos::Slot slot{};
        paxos::Tick at{};  // Of the last question, or of the last piece.
        bool whole{};
    };

    static bool is_the_one_of(const proto::SnapshotAsk& ask, const Open& open);
    static bool is_of_use(const proto::SnapshotAsk& ask, const Open& open);
    Open* reader_for(const proto::SnapshotAsk& ask);
    void serve_next();
    void send(paxos::MemberId to, proto::SnapshotChunk chunk);
    void on_read(paxos::MemberId to, std::optional<proto::SnapshotChunk> chunk);

    Callbacks callbacks_;
    paxos::Tick now_{};
    std::vector<Open> open_;                              // Oldest first.
    std::map<paxos::MemberId, proto::SnapshotAsk> asks_;  // The latest of each.
    std::map<paxos::MemberId, Fetch> fetches_;
    bool busy_ = false;
    std::uint64_t snapshots_sent_ = 0;
    std::uint64_t bytes_sent_ = 0;
};

}  // namespace gavel::daemon
