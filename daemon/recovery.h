#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "daemon/address.h"
#include "daemon/carry_over.h"
#include "persistence/survivor.h"
#include "statemachine/machine.h"

// What is left of a cluster that lost its majority for good, and what can be made of it
// (docs/recovery.md). Reads data directories and changes none.
namespace gavel::daemon {

// A data directory and what it knows. Members are kept out of it for as long as this lives.
struct Witness {
    std::filesystem::path folder{};
    std::string trouble{};  // Why nothing of it can be read. Empty: some can.
    std::optional<persistence::Survivor> survivor{};
    persistence::Identity identity{};

    std::string log_trouble{};  // Why its log cannot be read. Empty: it can.
    persistence::Survivor::Log log{};

    std::string state_trouble{};      // Likewise.
    statemachine::Globals globals{};  // As of its state.
    std::uint64_t hash{};             // Of its state.

    bool has_log() const { return trouble.empty() && log_trouble.empty(); }
    // Its state may be gone on from: it is readable, and no majority found it to be another.
    bool has_state() const;
    // Whatever the member accepted stands in its log, or is damaged there: the others have seen no
    // more of it than that.
    bool tells_all() const { return has_log() && !log.marks.set_back; }
    // A gaveld would serve from it, as the member that it is.
    bool can_start() const;
    paxos::Slot applied() const { return {globals.applied}; }
};
Witness examine(const std::filesystem::path& folder);

// How far beyond everything that is known a new cluster begins. Tokens and revisions are slots, and
// the lost majority may have given out more than is known: with 100,000 commands in each second
// this many take 115 days. A power of ten, so that people can read what follows it.
inline constexpr statemachine::Revision revision_gap = 1'000'000'000'000;
// Clients read numbers exactly up to here.
inline constexpr statemachine::Revision revision_max = (1ULL << 53) - 1;
// A multiple of the gap, at least one gap beyond `highest`. None: no room is left for revisions.
std::optional<statemachine::Revision> first_revision_beyond(paxos::Slot highest);

// All that the witnesses know together.
struct Recovery {
    std::size_t best{};                        // Whose state it begins with.
    CarriedOver carried{};                     // Executed on top of that.
    statemachine::Machine state;               // Which led to this.
    statemachine::Revision base{};             // Where a new cluster begins.
    statemachine::MemberNumber next_member{};  // A number that nobody had, as far as is known.

    // The sets that may have to decide what follows what is known to be chosen. A change of members
    // that is only accepted may never have been: both what it left and what was before are among
    // them.
    std::vector<statemachine::Epoch> epochs{};
    // Of these sets: who has no directory here that could start.
    std::vector<statemachine::Member> lost{};
    // The others are a majority in each of them: they need no recovery.
    bool could_go_on{};
    // No majority consists of the lost alone: whatever was chosen, somebody here has accepted.
    bool nothing_chosen_is_lost{};

    // Who was to be added by changes of members that are only accepted, executed here or not: they
    // may have been chosen, and govern. Addresses as given.
    std::vector<std::string> newcomers{};

    // All members of these sets, once each.
    std::vector<statemachine::Member> members() const;
};

// A new cluster begins beyond `above`, too. An error says why nothing can be made of them.
Result<Recovery, ConfigError> recover_from(std::span<const Witness> witnesses, bool fill_gaps,
                                           statemachine::Revision above = 0);

}  // namespace gavel::daemon
