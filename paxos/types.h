#pragma once

#include <compare>
#include <cstdint>
#include <limits>

#include "base/bytes.h"

namespace gavel::paxos {

// A position in the log: the papers' instance. 0 stands before the first.
struct Slot {
    std::uint64_t number{};

    constexpr Slot next() const { return {number + 1}; }
    auto operator<=>(const Slot&) const = default;
};

constexpr Slot operator+(Slot slot, std::uint64_t count) { return {slot.number + count}; }
// How many slots lie from `b` to `a`; 0 when `a` is not beyond `b`.
constexpr std::uint64_t operator-(Slot a, Slot b) {
    return a.number > b.number ? a.number - b.number : 0;
}

inline constexpr Slot last_slot{std::numeric_limits<std::uint64_t>::max()};

// A member's number for life; 0 names nobody. An id is never used twice.
struct MemberId {
    std::uint16_t number{};

    explicit constexpr operator bool() const { return number != 0; }
    auto operator<=>(const MemberId&) const = default;
};

// One leader's claim, totally ordered. Its number is round * 2^16 + member: each member draws from
// its own residue class (S16; Paxos Made Simple, section 2.5).
struct Ballot {
    std::uint64_t round{};
    MemberId member{};

    constexpr std::uint64_t number() const { return round << 16 | member.number; }
    static constexpr Ballot from_number(std::uint64_t number) {
        return {number >> 16, {static_cast<std::uint16_t>(number & 0xFFFF)}};
    }
    explicit constexpr operator bool() const { return round != 0; }
    auto operator<=>(const Ballot&) const = default;
};

// Milliseconds on a clock of the caller's choosing that never goes back.
struct Tick {
    std::uint64_t ms{};

    auto operator<=>(const Tick&) const = default;
};

constexpr Tick operator+(Tick tick, std::uint64_t ms) { return {tick.ms + ms}; }
// Milliseconds from `b` to `a`; 0 when `a` is not later.
constexpr std::uint64_t operator-(Tick a, Tick b) { return a.ms > b.ms ? a.ms - b.ms : 0; }

// What may be chosen in a slot: a command, opaque to this room, or the no-op, which is no bytes.
struct Value {
    Bytes command{};

    bool is_noop() const { return command.empty(); }
    bool operator==(const Value&) const = default;
};

// What an acceptor accepted: a value at a ballot.
struct Proposal {
    Ballot ballot{};
    Value value{};

    bool operator==(const Proposal&) const = default;
};

}  // namespace gavel::paxos
