#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "statemachine/limits.h"
#include "statemachine/past.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// The room that a piece of the past takes, alike on every member.
std::uint64_t footprint(const PastVersion& version);

// What the keys were: the values that puts and deletions took away, and the deletions.
//
// A key's past is a sequence of these, by revision, which its present value continues. It is
// forgotten from its beginning only, so that the oldest piece left tells from when on the key is
// known: a value that is no creation had one before it, a deletion had one, and a creation names
// the deletion it followed. Only where a deletion goes and nothing is left does the floor rise,
// which stands for all the keys of which nothing is known.
class Versions {
public:
    struct Piece {
        Ptr<PastVersion> version{};
        std::uint64_t hash{};
    };
    using Past = std::vector<Piece>;  // Oldest first, never empty.

    explicit Versions(const Limits& limits) : limits_(limits) {}

    // A key is changed, once by a command; null: it was not there, or is not any more. Returns what
    // is to take the place of `after`: of one that is created it says which deletion it follows.
    Ptr<KeyValue> note(Step& step, const Ptr<KeyValue>& before, const Ptr<KeyValue>& after);

    // Forgets what is too old, a few at a time, so that no command has much to do.
    void expire(Step& step);
    // Room is spared: forgets the oldest, some at a time, whatever there is.
    void make_room(Step& step);
    // Forgets the oldest while there is too much: no more than what commands have added.
    void trim(Step& step);

    void load(Ptr<PastVersion> version, std::uint64_t hash);
    // Called once all is loaded. False: no commands can have left this.
    [[nodiscard]] bool finish_load(Revision floor);

    Revision floor() const { return floor_; }
    std::uint64_t bytes() const { return bytes_; }
    std::size_t size() const { return turns_.size(); }

    // Null: nothing is kept of that key's past.
    const Past* find(std::string_view key) const;
    struct Named {
        std::string_view key{};
        const Past* past{};
    };
    // Of keys with the prefix, strictly after `after` (when not empty), in bytewise order.
    std::vector<Named> list(std::string_view prefix, std::string_view after,
                            std::size_t limit) const;
    // What the key was at a revision that is not above the applied slot. `present` is null when it
    // is not there now, `past` when nothing is kept of it.
    KeyAt at(const Ptr<KeyValue>& present, const Past* past, Revision revision) const;
    // From there on, what the key was is known.
    Revision known_from(const Ptr<KeyValue>& present, const Past* past) const;

    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    // The order in which pieces are forgotten. Along a key's past it never goes back.
    struct Turn {
        Revision over{};
        std::string_view key{};
        Revision revision{};
        std::int64_t over_at{};
        bool operator<(const Turn& other) const {
            return std::tie(over, key, revision) < std::tie(other.over, other.key, other.revision);
        }
    };
    using Pasts = std::map<std::string, Past, std::less<>>;

    void bury(Step& step, const Ptr<KeyValue>& last);
    void add(Step& step, KeyRecord change);
    void forget_first(Step& step, Pasts::iterator at);
    void forget_next(Step& step);
    void drop(Step& step, std::string_view key, const Piece& piece);
    Turn turn_of(std::string_view name, const PastVersion& version) const;

    const Limits& limits_;
    Pasts pasts_;
    std::set<Turn> turns_;
    std::uint64_t bytes_{};
    Revision floor_{};
};

}  // namespace gavel::statemachine
