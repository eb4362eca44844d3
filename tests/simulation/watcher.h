#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "api/watch_snapshot.h"
#include "base/prng.h"
#include "tests/simulation/known.h"
#include "tests/simulation/member.h"

namespace gavel::simulation {

class World;

// Follows the changes that its filter wants: through a member until it crashes or the watcher moves
// on, then through another from where it stood. Where that is forgotten it begins anew with what is
// there, read piece by piece while changes go on, as the API does it. At each place where it could
// resume it knows what is there, and nothing else.
class Watcher {
public:
    Watcher(World& world, std::uint64_t number);

    void attach();
    statemachine::Revision position() const { return since_; }

private:
    // Where it begins anew, until all that is there has come.
    struct Anew {
        Known known{};
        api::Snapshot::Place at{};
    };
    using Again = std::function<void()>;

    void on_attached(Member& member, const daemon::Core& core, const Again& again);
    void catch_up(Member& member, const statemachine::Machine& machine);
    void read_on(Member& member, std::uint64_t attachment, const Again& again);
    void take_piece(const statemachine::Machine& machine);
    void take(const statemachine::Change& change);
    bool learn(Known& known, const statemachine::Change& change);
    void stand_at(statemachine::Revision revision);

    World& world_;
    Prng prng_;
    std::size_t wish_;  // Of watch_filters().
    api::WatchFilter filter_;
    api::Snapshot snapshot_;
    Known known_;                       // As of since_.
    statemachine::Revision since_ = 0;  // Where it would resume.
    statemachine::Revision heard_ = 0;  // Through the present member, of anything.
    std::optional<Anew> anew_;
    std::uint64_t attachment_ = 0;  // What was asked for under an earlier one is void.
};

}  // namespace gavel::simulation
