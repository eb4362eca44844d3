#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "proto/peer_message.h"

namespace gavel::daemon {

// Urgent: small, and the cluster's liveness hangs on it (votes, heartbeats, reads, keep-alives).
// Bulk: carries clients' data; whoever needs it asks again when it was lost.
enum class Urgency : std::uint8_t { urgent, bulk };
Urgency urgency(const proto::PeerMessage& message);

// What waits to be written to one peer: urgent messages first, order kept within each class, each
// class within its budget. What does not fit is dropped and counted, never queued. Pure.
class OutQueue {
public:
    struct Budget {
        std::size_t urgent_bytes = 8 << 20;
        std::size_t bulk_bytes = 32 << 20;
    };
    // A write holds no more than this (or one message), so that bulk never stands long before
    // something urgent that comes after it.
    static constexpr std::size_t write_bytes_max = 256 << 10;

    explicit OutQueue(Budget budget) : urgent_{budget.urgent_bytes}, bulk_{budget.bulk_bytes} {}

    // False: there was no room for it.
    bool push(Urgency urgency, std::string_view message);
    // Pieces of the next batch (frame.h); none when nothing waits.
    std::vector<std::string> take();
    void clear();

    bool empty() const { return urgent_.pieces.empty() && bulk_.pieces.empty(); }
    std::size_t bytes() const { return urgent_.bytes + bulk_.bytes; }
    std::uint64_t dropped() const { return dropped_; }

private:
    // Messages stand together in pieces of up to write_bytes_max: what is taken is a whole piece.
    struct Class {
        std::size_t budget{};
        std::size_t bytes = 0;
        std::deque<std::string> pieces{};
    };
    static void take_from(Class& from, std::vector<std::string>& batch, std::size_t& bytes);

    Class urgent_;
    Class bulk_;
    std::uint64_t dropped_ = 0;
};

}  // namespace gavel::daemon
