#include "tests/simulation/directory.h"

#include "daemon/roster.h"

namespace gavel::simulation {
namespace {

using Known = std::map<std::uint16_t, persistence::Acquaintance>;

Known founders(const Settings& settings, std::uint16_t but) {
    Known known;
    for (std::uint16_t id = 1; id <= settings.members; ++id) {
        if (id == but) continue;
        known[id] = {.incarnation = Settings::incarnation_of(id), .boot = 1, .mutual = true};
    }
    return known;
}

// What is remembered is durable at once.
daemon::Acquaintances acquaintances(Known known) {
    return {std::move(known), [](std::uint16_t, const persistence::Acquaintance&) {}};
}

}  // namespace

Directory::Directory(const Settings& settings, std::uint16_t member, std::uint64_t incarnation)
    : settings_(settings),
      others_(acquaintances(member <= settings.members ? founders(settings, member) : Known())) {
    hello_.member = member;
    hello_.incarnation = incarnation;
}

void Directory::lose() {
    lost_ = true;
    hello_.incarnation += 1'000'000;
    others_ = acquaintances({});
}

void Directory::begin(std::uint64_t boot) {
    hello_.boot = boot;
    connected_.clear();
}

bool Directory::admits(const proto::Hello& hello, const statemachine::Globals& globals) {
    const Connection connection{hello.member, hello.incarnation, hello.boot};
    if (connected_.contains(connection)) return true;
    // One that was removed is heard: so it finds out that nobody needs it any more.
    const auto refusal = daemon::refusal_of(globals, hello);
    if (refusal && !refusal->removed) return false;
    if (hello.member < globals.next_member) {
        const auto recorded = daemon::recorded_incarnation(globals, hello.member);
        if (others_.admit(hello, recorded)) return false;
    }
    connected_.insert(connection);
    return true;
}

bool Directory::may_vote() const {
    if (!lost_) return true;
    for (std::uint16_t id = 1; id <= settings_.members; ++id) {
        if (id != hello_.member && !others_.is_mutual(id)) return false;
    }
    return true;
}

}  // namespace gavel::simulation
