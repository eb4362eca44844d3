#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gavel::api {

// Counts of the HTTP side, shared by its threads. Written at each answer, so without a lock.
class Metrics {
public:
    explicit Metrics(std::size_t routes);

    // `route` as in Call::route: one past the last is for requests that found none.
    void count(std::size_t route, unsigned status, std::chrono::nanoseconds took);

    struct Counted {
        std::size_t route{};
        unsigned status{};
        std::uint64_t count{};
    };
    std::vector<Counted> answers() const;  // Those that are not zero.

    // Upper bounds in microseconds; the last bucket of durations() has none.
    static constexpr std::array<std::uint64_t, 12> bounds_us{
        100,    250,    500,     1'000,   2'500,     5'000,
        10'000, 25'000, 100'000, 500'000, 2'500'000, 10'000'000};
    std::array<std::uint64_t, bounds_us.size() + 1> durations() const;
    double seconds() const;  // Sum of all durations.

    std::atomic<std::uint64_t> connections{};  // Open now.
    std::atomic<std::uint64_t> accepted{};
    std::atomic<std::uint64_t> refused{};  // For want of room.
    std::atomic<std::uint64_t> bytes_in{};
    std::atomic<std::uint64_t> bytes_out{};
    // Watchers cut: their client did not take what it was sent; their HTTP thread fell behind.
    std::atomic<std::uint64_t> watches_cut{};
    std::atomic<std::uint64_t> watches_overrun{};

private:
    static constexpr std::size_t statuses = 26;

    std::vector<std::array<std::atomic<std::uint64_t>, statuses>> answers_;
    std::array<std::atomic<std::uint64_t>, bounds_us.size() + 1> durations_{};
    std::atomic<std::uint64_t> nanoseconds_{};
};

}  // namespace gavel::api
