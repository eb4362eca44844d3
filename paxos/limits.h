#pragma once

#include <cstddef>
#include <cstdint>

namespace gavel::paxos {

// Bounds of what one replica holds and of what it puts into one message.
struct Limits {
    std::size_t message_bytes = 512 * 1024;      // Values in one Promise part or LearnAnswer.
    std::size_t recent_bytes = 4 * 1024 * 1024;  // Chosen values kept in memory for Learn.
    std::size_t recent_slots = 8'192;
    std::uint64_t accept_ahead = 8'192;  // Accepts further beyond the chosen prefix are ignored,
                                         // plus 4 alpha: a member so far behind learns first.
    std::size_t retransmissions = 128;   // Accepts sent again per tick.
    std::size_t read_rounds = 2;         // Confirmation rounds under way at once.
};

}  // namespace gavel::paxos
