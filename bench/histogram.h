#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace gavel::bench {

// Durations in fixed log-linear buckets: every power of two of nanoseconds is cut into 32 equal
// parts, so a percentile is right to 3 %, in constant memory and without a branch on the way in.
class Histogram {
public:
    void record(std::int64_t ns);
    void add(const Histogram& other);

    std::uint64_t count() const { return count_; }
    std::int64_t max_ns() const { return max_ns_; }
    // The smallest duration that at least `share` (0 to 1) of the recorded ones do not exceed,
    // rounded up to its bucket's end; 0 when nothing was recorded.
    std::int64_t percentile_ns(double share) const;

private:
    static constexpr std::size_t parts_bits = 5;
    static constexpr std::size_t buckets = (64 - parts_bits + 1) << parts_bits;

    static std::size_t bucket_of(std::uint64_t ns);
    static std::uint64_t end_of(std::size_t bucket);

    std::array<std::uint64_t, buckets> counts_{};
    std::uint64_t count_{};
    std::int64_t max_ns_{};
};

}  // namespace gavel::bench
