#include "tests/conformance/chaos.h"

#include <algorithm>
#include <set>

#include "base/prng.h"

namespace gavel::paxos {
namespace {

class Run {
public:
    Run(Cluster& cluster, std::uint64_t seed, const Chaos& chaos)
        : cluster_(cluster), chaos_(chaos), prng_(seed) {}

    void wreak() {
        for (const MemberId member : cluster_.members()) cluster_.hold_disk(member);
        for (std::uint64_t step = 0; step < chaos_.steps; ++step) {
            move_a_message();
            if (prng_.chance(20)) cluster_.pass(prng_.between(1, 40));
            if (prng_.chance(60)) cluster_.make_durable(anyone(), prng_.between(1, 4));
            if (prng_.chance(30)) cluster_.propose(a_leader(), next_command());
            if (prng_.chance(5)) cluster_.read(anyone(), ++number_);
            if (prng_.chance(2)) cluster_.checkpoint(anyone());
            if (prng_.chance(chaos_.crashes)) crash_or_restart();
            if (prng_.chance(chaos_.partitions)) partition();
            if (prng_.chance(chaos_.stands)) stand();
            if (prng_.chance(chaos_.member_changes)) change_members();
            if (!cluster_.observer().violations().empty()) return;
        }
    }

    bool heal() {
        cluster_.losing({});
        for (const MemberId member : cluster_.members()) {
            if (!cluster_.is_up(member)) cluster_.restart(member);
            cluster_.release_disk(member);
        }
        cluster_.deliver_all();
        if (chaos_.member_changes > 0) inform_everyone();
        return cluster_.run_until([&] { return cluster_.propose(a_leader(), "healed"); }) &&
               cluster_.run_until([&] { return all_voters_have("healed"); });
    }

private:
    std::string next_command() {
        return chaos_.next_command ? chaos_.next_command() : "c" + std::to_string(++number_);
    }

    MemberId anyone() { return cluster_.members()[prng_.below(cluster_.members().size())]; }

    // A member that may propose, as a client looks for one; anyone when there is none.
    MemberId a_leader() {
        const MemberId first = anyone();
        if (cluster_.is_up(first) && cluster_.replica(first).can_propose()) return first;
        return cluster_.leader().value_or(first);
    }

    // A set of members none of whom knows of its change cannot come from a state that admits only
    // members who have caught up: here they ask whoever knows most.
    void inform_everyone() {
        MemberId best = anyone();
        for (const MemberId member : cluster_.members()) {
            if (cluster_.executed(member).size() > cluster_.executed(best).size()) best = member;
        }
        for (const MemberId member : cluster_.members()) {
            const Slot from{cluster_.executed(member).size() + 1};
            if (member != best) cluster_.input(best, Received{{member, Learn{from}}});
        }
        cluster_.run(1'000);
    }

    // Who governs what comes next has executed the command.
    bool all_voters_have(const char* command) {
        const auto& history = cluster_.observer().history();
        const auto found = std::find(history.begin(), history.end(), Value{command});
        if (found == history.end()) return false;
        const auto& voters = cluster_.observer().epoch_of({history.size() + 1}).voters;
        return std::all_of(voters.begin(), voters.end(), [&](MemberId voter) {
            return cluster_.executed(voter).size() == history.size();
        });
    }

    // Mostly the oldest, so that things get done; else any one, late or twice or never.
    void move_a_message() {
        for (auto count = prng_.between(1, 8); count > 0 && !cluster_.bag().empty(); --count) {
            const std::size_t size = cluster_.bag().size();
            const std::size_t index =
                prng_.chance(70) ? prng_.below(std::min<std::size_t>(size, 3)) : prng_.below(size);
            if (prng_.chance(chaos_.loss)) {
                cluster_.lose(index);
                continue;
            }
            if (prng_.chance(chaos_.duplication)) cluster_.duplicate(index);
            if (prng_.chance(chaos_.delay)) {
                cluster_.hold_up(index, prng_.between(1, 1'000));
                continue;
            }
            cluster_.deliver(index);
        }
    }

    void crash_or_restart() {
        const MemberId member = anyone();
        if (!cluster_.is_up(member)) {
            cluster_.restart(member);
        } else {
            cluster_.make_durable(member, prng_.below(3));
            cluster_.crash(member);
            const auto& log = cluster_.disk(member).log;
            if (member == cluster_.members().front() && prng_.chance(chaos_.unreadable)) {
                // The newest entries are those that matter.
                auto entry = log.rbegin();
                for (auto back = prng_.below(4); back > 0 && entry != log.rend(); --back) ++entry;
                if (entry != log.rend()) cluster_.make_unreadable(member, entry->first);
            }
        }
    }

    // One-way as often as both ways; a second draw of the same kind heals.
    void partition() {
        cut_.clear();
        if (prng_.chance(50)) {
            const MemberId member = anyone();
            const bool both = prng_.chance(50);
            for (const MemberId other : cluster_.members()) {
                cut_.insert({member, other});
                if (both) cut_.insert({other, member});
            }
        }
        cluster_.losing([cut = cut_](const Flying& flying) {
            return cut.contains({flying.from, flying.to});
        });
    }

    void stand() {
        const MemberId member = anyone();
        if (cluster_.is_up(member)) cluster_.stand(member);
    }

    void change_members() {
        std::string names;
        const auto size = prng_.between(1, cluster_.members().size());
        std::set<MemberId> chosen;
        while (chosen.size() < size) chosen.insert(anyone());
        for (const MemberId member : chosen) {
            names += (names.empty() ? "" : ",") + std::to_string(member.number);
        }
        cluster_.propose(a_leader(), "members " + names);
    }

    Cluster& cluster_;
    const Chaos chaos_;
    Prng prng_;
    std::uint64_t number_ = 0;
    std::set<std::pair<MemberId, MemberId>> cut_;
};

}  // namespace

bool run_chaos(Cluster& cluster, std::uint64_t seed, const Chaos& chaos) {
    Run run(cluster, seed, chaos);
    run.wreak();
    return cluster.observer().violations().empty() && run.heal();
}

}  // namespace gavel::paxos
