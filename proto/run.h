#pragma once

#include <cstddef>
#include <cstdint>

namespace gavel::proto {

// One run of a member, from a start to the next one: what its data directory remembers of it, and
// its Hello tells the others. Two directories that were one once have different runs from then on.
struct Run {
    std::uint64_t id{};     // Random.
    std::uint64_t began{};  // So many batches of its log were durable before it, over all runs.
    bool operator==(const Run&) const = default;
};

inline constexpr std::size_t runs_max = 32;  // The latest are remembered.

}  // namespace gavel::proto
