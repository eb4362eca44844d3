#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "statemachine/limits.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// The room that a change takes, alike on every member.
std::uint64_t footprint(const Change& change);

// The latest changes, for watches that resume: the oldest are forgotten when there are too many or
// their values take too much room. The floor tells up to where.
class History {
public:
    explicit History(const Limits& limits) : limits_(limits) {}

    // Gives the step's events their identity and keeps them. Returns them.
    std::vector<Event> add(Step& step);

    void load(Ptr<Change> change, std::uint64_t hash) { keep(std::move(change), hash); }
    void set_floor(Revision floor) { floor_ = floor; }

    // Every change above it is here.
    Revision floor() const { return floor_; }
    std::vector<Ptr<Change>> since(Revision revision, std::size_t limit) const;
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    struct Entry {
        Ptr<Change> change{};
        std::uint64_t hash{};
        std::uint64_t bytes{};
    };

    void keep(Ptr<Change> change, std::uint64_t hash);
    void forget_oldest(Step& step);

    const Limits& limits_;
    std::map<Revision, Entry> changes_;
    std::uint64_t bytes_{};
    Revision floor_{};
};

}  // namespace gavel::statemachine
