#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/prng.h"
#include "daemon/core.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/settings.h"

namespace gavel::simulation {

// What comes with the messages of a connection: which run of its sender it belongs to, and how much
// that had made durable.
struct Stamp {
    std::uint64_t run{};
    std::uint64_t writes{};
};

// Carries encoded messages between members: loses, repeats, delays and reorders them, and cuts
// single directions between members.
class Network {
public:
    // Hands the bytes over at the receiver.
    using Deliver =
        std::function<void(paxos::MemberId from, paxos::MemberId to, std::string, Stamp)>;

    Network(const Settings& settings, Schedule& schedule, Reached& reached, Deliver deliver)
        : settings_(settings),
          schedule_(schedule),
          reached_(reached),
          deliver_(std::move(deliver)),
          prng_(settings.seed ^ 0x6E65'7477ULL) {}

    void send(paxos::MemberId from, paxos::MemberId to, std::string bytes, Stamp stamp);

    void cut(paxos::MemberId from, paxos::MemberId to) { cuts_.insert({from, to}); }
    void mend(paxos::MemberId from, paxos::MemberId to) { cuts_.erase({from, to}); }
    bool is_cut(paxos::MemberId from, paxos::MemberId to) const {
        return cuts_.contains({from, to});
    }
    // No more faults, from now on.
    void heal();
    Time delay();

private:
    using Way = std::pair<paxos::MemberId, paxos::MemberId>;

    const Settings& settings_;
    Schedule& schedule_;
    Reached& reached_;
    Deliver deliver_;
    Prng prng_;
    bool healed_ = false;
    std::set<Way> cuts_;
    std::map<Way, std::uint64_t> sent_;
    std::map<Way, std::uint64_t> newest_arrived_;
};

}  // namespace gavel::simulation
