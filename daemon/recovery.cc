#include "daemon/recovery.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "daemon/bootstrap.h"
#include "daemon/roster.h"
#include "paxos/quorum.h"
#include "proto/codec.h"

namespace gavel::daemon {
namespace {

using paxos::Slot;
using persistence::Survivor;
using statemachine::Machine;
using statemachine::Member;
using statemachine::MemberNumber;
using statemachine::Revision;

struct Loaded {
    Machine machine;
    Survivor::State state{};
};

Result<Loaded, ConfigError> load(const std::filesystem::path& folder, const Survivor& survivor) {
    const auto& identity = survivor.identity();
    Loaded loaded{Machine({}, identity.alpha, founders_of(identity))};
    auto state =
        survivor.load_state([&](statemachine::Row row) { loaded.machine.load(std::move(row)); });
    if (!state) return ConfigError{state.error().what};
    if (state->globals && !loaded.machine.finish_load(*state->globals)) {
        return ConfigError{folder.string() +
                           ": the state on disk is not the one that was written (its hash or its "
                           "epochs are wrong)"};
    }
    loaded.state = std::move(*state);
    return loaded;
}

std::string shown(Slot slot) { return std::to_string(slot.number); }

// Why these cannot be put together.
std::optional<ConfigError> misfit(std::span<const Witness> witnesses) {
    const Witness* first = nullptr;
    std::map<MemberNumber, const Witness*> members;
    std::map<Slot, const Witness*> states;
    for (const Witness& witness : witnesses) {
        if (!witness.trouble.empty()) continue;
        if (first == nullptr) first = &witness;
        const auto pair = [&](const Witness& other) {
            return other.folder.string() + " and " + witness.folder.string();
        };
        if (witness.identity.cluster_id != first->identity.cluster_id) {
            return ConfigError{pair(*first) + " belong to different clusters: give those of one"};
        }
        const auto [same, added] = members.emplace(witness.identity.member, &witness);
        if (!added) {
            return ConfigError{pair(*same->second) + " are both of member " +
                               std::to_string(witness.identity.member) + ": give one of them"};
        }
        if (!witness.has_state()) continue;
        const auto [equal, alone] = states.emplace(witness.applied(), &witness);
        if (!alone && equal->second->hash != witness.hash) {
            return ConfigError{pair(*equal->second) + " hold different states of slot " +
                               shown(witness.applied()) + ": find out which is right, and give " +
                               "that one without the other"};
        }
    }
    return std::nullopt;
}

// The state that went furthest: from there on the fewest slots have to be known. Of equals, one
// that knows its log, too.
std::optional<std::size_t> best_of(std::span<const Witness> witnesses) {
    const auto rank = [](const Witness& one) { return std::pair(one.applied(), one.has_log()); };
    std::optional<std::size_t> best;
    for (std::size_t at = 0; at < witnesses.size(); ++at) {
        if (!witnesses[at].has_state()) continue;
        if (!best || rank(witnesses[*best]) < rank(witnesses[at])) best = at;
    }
    return best;
}

void note_epochs(const Machine& machine, std::vector<statemachine::Epoch>& epochs) {
    for (const auto& epoch : machine.globals().epochs) {
        if (std::ranges::find(epochs, epoch) == epochs.end()) epochs.push_back(epoch);
    }
}

std::optional<ConfigError> execute(Recovery& recovery) {
    const CarriedOver& carried = recovery.carried;
    Machine& machine = recovery.state;
    for (const paxos::Value& value : carried.values) {
        const Revision slot = machine.applied() + 1;
        if (slot > carried.sure.number) note_epochs(machine, recovery.epochs);
        if (value.is_noop()) {
            machine.apply_noop(slot);
            continue;
        }
        const auto entry = proto::decode_entry(value.command.view());
        if (!entry) {
            return ConfigError{"the command in slot " + std::to_string(slot) +
                               " is not one that this gaveld knows: use a version that does"};
        }
        machine.apply(slot, *entry);
    }
    note_epochs(machine, recovery.epochs);
    return std::nullopt;
}

// Of every log, and not only of what is carried over: a lost message leaves a gap before a change
// that others have chosen.
std::vector<std::string> newcomers_of(std::span<const Witness> witnesses, Slot sure) {
    std::vector<std::string> addresses;
    for (const Witness& witness : witnesses) {
        if (!witness.has_log()) continue;
        const auto& log = witness.log.durable.log;
        for (auto at = log.upper_bound(sure); at != log.end(); ++at) {
            const paxos::Value& value = at->second.proposal.value;
            if (value.is_noop()) continue;
            const auto entry = proto::decode_entry(value.command.view());
            if (!entry) continue;
            const auto* change = std::get_if<statemachine::ChangeMembers>(&entry->command);
            if (change == nullptr) continue;
            for (const auto& each : change->changes) {
                const auto* add = std::get_if<statemachine::AddMember>(&each);
                if (add != nullptr) addresses.push_back(add->peer_address);
            }
        }
    }
    std::ranges::sort(addresses);
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

// None: all are given out.
std::optional<MemberNumber> unused_number(std::span<const Witness> witnesses,
                                          const Machine& state) {
    MemberNumber highest = static_cast<MemberNumber>(state.globals().next_member - 1);
    for (const Witness& witness : witnesses) {
        highest = std::max(highest, witness.identity.member);
        if (witness.log.others.empty()) continue;
        highest = std::max(highest, witness.log.others.rbegin()->first);
    }
    // The state names one number beyond.
    if (highest + 1 >= std::numeric_limits<MemberNumber>::max()) return std::nullopt;
    return static_cast<MemberNumber>(highest + 1);
}

void judge_majorities(std::span<const Witness> witnesses, Recovery& recovery) {
    paxos::Votes able;
    paxos::Votes telling;
    for (const Witness& witness : witnesses) {
        if (witness.can_start()) able.add({witness.identity.member});
        if (witness.tells_all()) telling.add({witness.identity.member});
    }
    recovery.could_go_on = true;
    recovery.nothing_chosen_is_lost =
        recovery.carried.left.empty() && recovery.carried.damaged.empty() &&
        recovery.carried.filled == 0 && recovery.carried.last >= recovery.carried.known_chosen;
    for (const auto& epoch : recovery.epochs) {
        const paxos::Epoch voters = to_paxos(epoch);
        paxos::Votes silent;
        for (const auto voter : voters.voters) {
            if (!telling.has(voter)) silent.add(voter);
        }
        if (!able.is_quorum(voters)) recovery.could_go_on = false;
        if (silent.is_quorum(voters)) recovery.nothing_chosen_is_lost = false;
    }
    for (const Member& member : recovery.members()) {
        if (!able.has({member.id})) recovery.lost.push_back(member);
    }
}

}  // namespace

bool Witness::has_state() const {
    return trouble.empty() && state_trouble.empty() && !log.marks.diverged;
}

bool Witness::can_start() const { return tells_all() && has_state() && !log.marks.retired; }

Witness examine(const std::filesystem::path& folder) {
    Witness witness{.folder = folder};
    auto survivor = Survivor::open(folder);
    if (!survivor) {
        witness.trouble = survivor.error().what;
        return witness;
    }
    witness.survivor = std::move(*survivor);
    witness.identity = witness.survivor->identity();

    std::optional<Survivor::State> state;
    const auto loaded = load(folder, *witness.survivor);
    if (loaded) {
        state = loaded->state;
        witness.globals = loaded->machine.globals();
        witness.hash = loaded->machine.hash();
    } else {
        witness.state_trouble = loaded.error().what;
    }
    auto log = witness.survivor->read_log(state);
    // Its state is not gone on from, but another one that is behind may be, by these entries.
    if (log && log->marks.diverged) log = witness.survivor->read_log(std::nullopt);
    if (log) {
        witness.log = std::move(*log);
    } else {
        witness.log_trouble = log.error().what;
    }
    return witness;
}

std::optional<Revision> first_revision_beyond(Slot highest) {
    if (highest.number > revision_max - 3 * revision_gap) return std::nullopt;
    return (highest.number / revision_gap + 2) * revision_gap;
}

std::vector<Member> Recovery::members() const {
    std::map<MemberNumber, Member> members;
    for (const auto& epoch : epochs) {
        for (const Member& member : epoch.members) members.insert_or_assign(member.id, member);
    }
    std::vector<Member> ordered;
    for (auto& [id, member] : members) ordered.push_back(std::move(member));
    return ordered;
}

Result<Recovery, ConfigError> recover_from(std::span<const Witness> witnesses, bool fill_gaps,
                                           Revision above) {
    if (const auto error = misfit(witnesses)) return *error;
    const auto best = best_of(witnesses);
    if (!best) return ConfigError{"none of the directories has a state that can be read"};
    const Witness& chosen = witnesses[*best];

    std::vector<paxos::Durable> logs;
    for (const Witness& witness : witnesses) {
        if (witness.has_log()) logs.push_back(witness.log.durable);
    }
    auto loaded = load(chosen.folder, *chosen.survivor);
    if (!loaded) return loaded.error();
    // A gap that a lost message left is shorter than what may be open at once.
    const auto gap_max = fill_gaps ? std::optional(chosen.identity.alpha - 1) : std::nullopt;
    Recovery recovery{.best = *best,
                      .carried = carry_over(logs, chosen.applied(), gap_max),
                      .state = std::move(loaded->machine)};
    const CarriedOver& carried = recovery.carried;
    if (carried.contradiction) {
        return ConfigError{"the directories say that different values were chosen in slot " +
                           shown(*carried.contradiction) +
                           ": find out which is right, and leave the others out"};
    }
    if (const auto error = execute(recovery)) return *error;
    recovery.newcomers = newcomers_of(witnesses, carried.sure);

    const auto base = first_revision_beyond(std::max(carried.highest, Slot{above}));
    const auto number = unused_number(witnesses, recovery.state);
    if (!base) return ConfigError{"no revisions are left for a new cluster"};
    if (!number) return ConfigError{"no member numbers are left for a new cluster"};
    recovery.base = *base;
    recovery.next_member = *number;
    judge_majorities(witnesses, recovery);
    return recovery;
}

}  // namespace gavel::daemon
