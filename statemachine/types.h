#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace gavel::statemachine {

// The slot of the command that made a change: strictly increasing, not consecutive. 0 is "never".
using Revision = std::uint64_t;

// The revision of the command that granted a lock: over successive grants of one lock, and over
// its deletion, it only grows.
using Token = std::uint64_t;

// The revision of the command that opened the session, so an id is never used twice.
using SessionId = std::uint64_t;

// Milliseconds since 1970-01-01 UTC, as stamped by leaders. The machine's time is the largest
// stamp it has seen: it never goes back.
using TimeMs = std::int64_t;
using DurationMs = std::int64_t;

using MemberNumber = std::uint16_t;

// Rows and views hand out immutable values; a change replaces the value.
template <class T>
using Ptr = std::shared_ptr<const T>;

// Names one command of one run of one member, so that a repeat can be told from a new one.
struct RequestId {
    MemberNumber member{};
    std::uint64_t boot{};
    std::uint64_t number{};

    auto operator<=>(const RequestId&) const = default;
};

// How a session has a lock: alone, or together with others that share it.
enum class LockMode : std::uint8_t { exclusive, shared };

enum class Role : std::uint8_t { voter, learner };

struct Member {
    MemberNumber id{};
    std::string name{};
    std::string peer_address{};
    Role role{Role::voter};
    std::uint64_t incarnation{};  // Of its data directory; 0: nobody has said yet.
    bool wants_vote{};            // A learner that is to vote once it has caught up.

    bool operator==(const Member&) const = default;
};

// What may be stored; none: as much as Limits allow.
struct QuotaBounds {
    std::optional<std::uint64_t> bytes{};  // Of keys and values together.
    std::optional<std::uint64_t> keys{};
    std::optional<std::uint64_t> sessions{};  // Only of everything.

    bool any() const { return bytes || keys || sessions; }
    bool operator==(const QuotaBounds&) const = default;
};

// A membership and the first slot it governs (design: what slot i leaves governs slot i+alpha).
struct Epoch {
    std::uint64_t number{};
    Revision first_slot{};
    std::vector<Member> members{};  // Ordered by id.

    bool operator==(const Epoch&) const = default;
};

}  // namespace gavel::statemachine
