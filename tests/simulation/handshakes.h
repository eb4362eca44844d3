#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "tests/simulation/member.h"
#include "tests/simulation/network.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/settings.h"

namespace gavel::simulation {

// The connections between members: each dials every other one, and what it sends comes through once
// both have let the other in, as runs of theirs that still last. Knows which members have forgotten
// something, and expects that these, and no others, are refused for it.
class Handshakes {
public:
    // Somebody would not talk to a member that has forgotten something.
    using Refused = std::function<void(Member& forgetful)>;

    Handshakes(const Settings& settings, Network& network, Reached& reached, Refused refused)
        : settings_(settings), network_(network), reached_(reached), refused_(std::move(refused)) {}

    // Whether what a member sent in that run reaches the other one. Shakes hands first, if that was
    // not done yet.
    bool let_through(Member& from, std::uint64_t run, Member& to);

    // What was cut one way for a while breaks both ways, for want of acknowledgements.
    void disconnect(paxos::MemberId one, paxos::MemberId other) {
        connected_.erase({one, other});
        connected_.erase({other, one});
    }
    void disconnect_all() { connected_.clear(); }

    // What `member` durably remembers of the other one is more than what stands in that directory:
    // said without the rule that is tested.
    static bool knows_more(const Member& member, paxos::MemberId other, const Directory& directory);

private:
    struct Runs {
        std::uint64_t from{};
        std::uint64_t to{};
        bool operator==(const Runs&) const = default;
    };

    bool are_connected(paxos::MemberId from, std::uint64_t run, const Member& to) const;
    void shake_hands(Member& from, Member& to);
    // Whether `by` takes the hello of `who`.
    std::optional<daemon::Peers::Refusal> ask(Member& by, Member& who);

    const Settings& settings_;
    Network& network_;
    Reached& reached_;
    Refused refused_;
    std::map<std::pair<paxos::MemberId, paxos::MemberId>, Runs> connected_;
};

}  // namespace gavel::simulation
