#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/watch_filter.h"
#include "statemachine/machine.h"

namespace gavel::api {

// What there is for a filter, read piece by piece while changes go on: members, then keys, then
// locks, in the order of their names.
//
// Each piece is of its own moment. What was read before is kept up to date by the changes that come
// after it, for a change counts once the reading has passed what it is about; what it has not
// passed, a later piece will show as it is then. So with the last piece, read at revision R, all
// that was sent is the state of R, and nothing was held meanwhile but a place.
//
// Never changes once it is made: it may be read from the core thread.
class Snapshot {
public:
    // Of one piece. Behind its last name, the bytes may be one value more, or one lock's holders.
    struct PieceLimits {
        std::size_t names = 256;
        std::size_t bytes = 64 * 1024;
    };
    explicit Snapshot(const WatchFilter& filter, PieceLimits limits = {256, 64 * 1024});

    // Everything before it has been read.
    struct Place {
        enum class Part : std::uint8_t { members, keys, locks, end };
        Part part{};
        std::size_t range{};  // Of the part's.
        std::string after{};  // The last name that was read of this range; empty: none.
        bool operator==(const Place&) const = default;
    };
    struct Piece {
        std::vector<statemachine::Event> events{};  // Each as if what is there had just come.
        Place next{};

        bool is_last() const { return next.part == Place::Part::end; }
    };

    Piece read(const statemachine::Machine& state, const Place& from) const;
    // `body` is one that the filter wants.
    bool has_passed(const Place& place, const statemachine::EventBody& body) const;

private:
    struct Range {
        std::string text{};
        bool is_prefix{};  // Else one name.
    };
    using Ranges = std::vector<Range>;
    struct Budget : PieceLimits {
        bool is_spent() const { return names == 0 || bytes == 0; }
        void spend(std::size_t count);
    };

    static Ranges disjoint(const std::vector<std::string>& prefixes,
                           const std::vector<std::string>& names);
    static void read_members(const statemachine::Machine& state, Piece& piece);
    static void read_keys(const statemachine::Machine& state, const Range& range, Budget& budget,
                          Piece& piece);
    static void read_locks(const statemachine::Machine& state, const Range& range, Budget& budget,
                           Piece& piece);

    PieceLimits limits_;
    bool members_;
    Ranges keys_;
    Ranges locks_;
};

}  // namespace gavel::api
