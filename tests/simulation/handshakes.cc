#include "tests/simulation/handshakes.h"

#include <algorithm>
#include <string>

#include "tests/simulation/failure.h"

namespace gavel::simulation {

using daemon::Peers;
using paxos::MemberId;
using persistence::Acquaintance;

namespace {

bool is_more(const Acquaintance& known, const Directory& directory) {
    if (known.incarnation != directory.incarnation) return true;
    if (known.boot == 0) return false;  // Met before its first run.
    const auto& runs = directory.runs;
    const auto seen = std::ranges::find(runs, known.run, &proto::Run::id);
    if (seen == runs.end()) return true;
    const auto next = std::next(seen);
    return known.writes > (next == runs.end() ? directory.writes : next->began);
}

// By what it shows that it has forgotten something.
const char* evidence(const Acquaintance& known, const proto::Hello& hello) {
    if (known.incarnation != hello.incarnation) return "refused: another directory";
    const auto regression = daemon::find_regression(known, hello);
    if (!regression) return "refused: by the state";
    switch (*regression) {
        case daemon::Regression::earlier_start:
            return "refused: an earlier start";
        case daemon::Regression::another_start:
            return hello.boot == known.boot ? "refused: another start"
                                            : "refused: another start, some starts ago";
        case daemon::Regression::fewer_writes:
            break;
    }
    return "refused: fewer writes";
}

}  // namespace

bool Handshakes::knows_more(const Member& member, paxos::MemberId other,
                            const Directory& directory) {
    const auto& others = member.directory().others;
    const auto known = others.find(other.number);
    return known != others.end() && is_more(known->second, directory);
}

bool Handshakes::let_through(Member& from, std::uint64_t run, Member& to) {
    if (!to.runs()) return false;
    if (are_connected(from.id(), run, to)) return true;
    // What is late comes on a connection that broke, or gave way to the one of a later run.
    if (!from.runs() || from.run() != run) return false;
    // Neither a refusal nor a hello comes back.
    if (network_.is_cut(to.id(), from.id())) return false;
    shake_hands(from, to);
    // Who was dialled dials back.
    if (from.runs() && to.runs() && !are_connected(to.id(), to.run(), from)) shake_hands(to, from);
    return to.runs() && are_connected(from.id(), run, to);
}

bool Handshakes::are_connected(MemberId from, std::uint64_t run, const Member& to) const {
    const auto found = connected_.find({from, to.id()});
    return found != connected_.end() && found->second == Runs{run, to.run()};
}

void Handshakes::shake_hands(Member& from, Member& to) {
    if (const auto refusal = ask(to, from)) {
        if (refusal->farewell) from.on_farewell({to.hello(), *refusal->farewell, refusal->reason});
        return;
    }
    if (ask(from, to)) return;
    connected_[{from.id(), to.id()}] = {from.run(), to.run()};
    from.on_connected(to.hello());
}

std::optional<Peers::Refusal> Handshakes::ask(Member& by, Member& who) {
    const proto::Hello hello = who.hello();
    const auto found = by.others().find(hello.member);
    const std::optional<Acquaintance> known =
        found == by.others().end() ? std::nullopt : std::optional(found->second);
    auto refusal = by.admit(hello);
    if (refusal && refusal->farewell == proto::Farewell::Why::removed) return refusal;
    if (settings_.sabotage == Sabotage::forgetful_is_welcome) return std::nullopt;

    // A hello does not reach back without end.
    const bool comparable = known && hello.boot < known->boot + proto::runs_max;
    expect(refusal || !comparable || !is_more(*known, who.directory()),
           "who has forgotten something is refused where that is seen");
    expect(!refusal || who.has_forgotten(), "nobody is refused who has forgotten nothing");
    if (!refusal) return std::nullopt;
    reached_.count(known ? evidence(*known, hello) : "refused: by the state");
    refused_(who);
    return refusal;
}

}  // namespace gavel::simulation
