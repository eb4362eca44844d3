#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/prng.h"
#include "tests/simulation/client.h"
#include "tests/simulation/crowd.h"
#include "tests/simulation/handshakes.h"
#include "tests/simulation/histories.h"
#include "tests/simulation/member.h"
#include "tests/simulation/network.h"
#include "tests/simulation/observer.h"
#include "tests/simulation/reached.h"
#include "tests/simulation/schedule.h"
#include "tests/simulation/settings.h"
#include "tests/simulation/tenant.h"
#include "tests/simulation/watcher.h"

namespace gavel::simulation {

// A cluster, its clients and its troubles, from one seed. First everything goes wrong that the
// settings allow, and nothing may be lost or contradicted; then all is healed, and everything that
// was asked must end, all members agree.
class World {
public:
    World(const Settings& settings, Trace& trace);

    // Throws Failure.
    void run();
    const Reached& reached() const { return reached_; }
    Time simulated() const { return schedule_.now(); }

    // For clients.
    const Settings& settings() const { return settings_; }
    Schedule& schedule() { return schedule_; }
    Network& network() { return network_; }
    Observer& observer() { return observer_; }
    Histories& histories() { return histories_; }
    Reached& counters() { return reached_; }
    Trace& trace() { return trace_; }
    // Any one that has not ended for good; once all is well, one that is a member.
    Member& member(std::uint64_t index);
    bool is_healed() const { return healed_; }
    // A client believes from now on that it holds a lock.
    void on_hold(const Client& client, const std::string& lock, const Client::Held& held);

private:
    Member::Surroundings surroundings() {
        return {settings_, schedule_, network_, observer_, reached_, trace_};
    }
    void deliver(paxos::MemberId from, paxos::MemberId to, std::string bytes, Stamp stamp);
    void begin_troubles();
    void every(Time period, std::function<void()> trouble);
    void crash_some();
    void crash(Member& victim);
    void restart_later(Member& member);
    void restart(Member& member);
    void pause();
    void partition();
    void hand_over();
    void reconfigure();
    void propose(Member& at, const statemachine::ChangeMembers& change);
    void admit(paxos::MemberId id, Time after);
    void admit_whoever_is_missing();
    void copy_a_directory();
    void set_one_back();
    void wipe(Member& victim);
    void look_at_what_is_left();
    bool has_begun() const;
    bool may_forget(const Member& victim) const;
    bool is_seen_by_all(const Member& victim, const Directory& directory) const;
    void forget(Member& victim, Directory directory);
    void on_refused(const Member& forgetful);
    void replace(paxos::MemberId forgetful);
    Member* find(paxos::MemberId id);
    bool is_member(const Member& member) const;
    void heal();
    void run_until(Time until);
    bool clients_are_idle() const;
    void demand_progress();
    void demand_replacement();
    void demand_service(Member& member);
    void demand_agreement();
    bool all_agree() const;
    bool may_find_out(const Member& removed) const;
    Time patience() const;

    Settings settings_;
    Trace& trace_;
    Schedule schedule_;
    Reached reached_;
    Prng prng_;
    Observer observer_;
    Network network_;
    Histories histories_;
    std::vector<std::unique_ptr<Member>> members_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Watcher>> watchers_;
    Crowd crowd_{*this};
    Tenant tenant_{*this};
    std::map<std::string, statemachine::Token> tokens_;
    std::uint64_t newcomers_ = 0;
    bool healed_ = false;

    struct Copied {
        paxos::MemberId member{};
        Directory directory{};
    };
    Handshakes handshakes_;
    Prng fate_;
    std::vector<Copied> copies_;
    Prng losses_;
    std::set<paxos::MemberId> forgot_;          // Something, at some time.
    std::optional<paxos::MemberId> forgetful_;  // The last one.
    bool refused_ = false;                      // It was, and an operator knows.
    std::multiset<std::uint64_t> undecided_;    // Epochs that changes under way are based on.
};

}  // namespace gavel::simulation
