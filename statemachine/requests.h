#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <vector>

#include "statemachine/limits.h"
#include "statemachine/step.h"

namespace gavel::statemachine {

// What has been seen of each member's requests (docs/paxos.md, "Exactly once"): its newest boot,
// and of that run the latest W numbers with their first outcomes, in whatever order they came.
//
// A number has its place, number modulo W, and a newer one takes the place of an older. So a new
// boot has nothing to clear: records of older boots are not looked at, and go as places are taken.
class Requests {
public:
    explicit Requests(const Limits& limits);

    // Of an older run, or W or more behind the newest: whether it was seen is not known any more.
    bool too_old(const RequestId& request) const;
    // Null: not seen.
    Ptr<RequestRecord> find(const RequestId& request) const;
    void record(Step& step, const RequestId& request, Revision revision, Outcome outcome);

    // A member that is gone for good sends nothing more that would be executed.
    template <class IsGone>
    void forget(Step& step, IsGone is_gone) {
        for (auto it = windows_.begin(); it != windows_.end();) {
            it = is_gone(it->first) ? forget(step, it) : std::next(it);
        }
    }

    void load(Ptr<RequestRecord> record, std::uint64_t hash);
    void append_rows(std::vector<Row>& rows) const;
    void check_invariants() const;

private:
    struct Place {
        Ptr<RequestRecord> record{};
        std::uint64_t hash{};
    };
    struct Window {
        std::uint64_t boot{};
        std::uint64_t highest{};
        std::vector<Place> places{};
    };

    using Windows = std::map<MemberNumber, Window>;

    Windows::iterator forget(Step& step, Windows::iterator gone);
    Window& window_of(MemberNumber member);
    void note_newest(Window& window, const RequestId& request) const;

    const std::uint64_t size_;  // W
    Windows windows_;
};

}  // namespace gavel::statemachine
