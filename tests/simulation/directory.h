#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>

#include "daemon/acquaintances.h"
#include "proto/peer_message.h"
#include "statemachine/state.h"
#include "tests/simulation/settings.h"

namespace gavel::simulation {

// Which data directory a member has, and by which it knows the others: who takes part and who is
// refused, as daemon/node.cc decides at a handshake. One that is lost is made anew under the old
// number, empty, and has forgotten whom it knew.
class Directory {
public:
    // Founders have met. A newcomer knows nobody, but nobody ever promised under its number.
    Directory(const Settings& settings, std::uint16_t member, std::uint64_t incarnation);

    void lose();
    bool is_lost() const { return lost_; }

    // A run begins, and with it new connections.
    void begin(std::uint64_t boot);
    const proto::Hello& hello() const { return hello_; }
    // Whether its sender is let in, as the state has it and as this member knows the others.
    bool admits(const proto::Hello& hello, const statemachine::Globals& globals);
    // It let this member in, too.
    void on_mutual(const proto::Hello& hello) { others_.on_mutual(hello); }
    // A directory that was made anew votes once all founders have met it.
    bool may_vote() const;
    const std::map<std::uint16_t, persistence::Acquaintance>& known() const {
        return others_.known();
    }

private:
    using Connection = std::tuple<std::uint16_t, std::uint64_t, std::uint64_t>;

    const Settings& settings_;
    bool lost_ = false;
    daemon::Acquaintances others_;
    proto::Hello hello_;
    std::set<Connection> connected_;  // Member, incarnation, boot.
};

}  // namespace gavel::simulation
