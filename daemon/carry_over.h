#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "paxos/records.h"

// What the logs that are left when a majority is lost tell of the slots above a state. Pure.
namespace gavel::daemon {

struct CarriedOver {
    std::vector<paxos::Value> values{};  // Of consecutive slots above the state's.
    paxos::Slot last{};                  // ... up to this one; the state's when there is none.
    paxos::Slot sure{};                  // Everything up to here is known to have been chosen.
    std::uint64_t unsure{};              // Of the values accepted, and not known to be chosen.
    std::uint64_t filled{};              // Of them no-ops, for want of anything.
    std::vector<paxos::Slot> left{};     // Above `last`, though a value is known. In order.

    paxos::Slot known_chosen{};       // Some log says that everything was chosen up to here.
    paxos::Slot highest{};            // That any log has heard of.
    std::set<paxos::Slot> damaged{};  // Where a log has an entry that cannot be read.
    std::optional<paxos::Slot>
        contradiction{};  // Two of them say that different values were chosen.
};

// As a new leader would that got promises from these and from no others: what is known chosen
// stands, and else the value of the highest ballot, for that is the one that can have been chosen
// (P2, docs/paxos.md). A leader has a majority's word where nothing was accepted, and fills such a
// gap; here one of the lost may have accepted there, and the values end before it, as they do where
// one has an entry that it cannot read and none knows what was chosen. With `gap_max`, a gap of at
// most so many slots that has a value behind it is filled with no-ops, and an entry that cannot be
// read is taken to be what the others have there.
CarriedOver carry_over(std::span<const paxos::Durable> logs, paxos::Slot applied,
                       std::optional<std::uint64_t> gap_max);

}  // namespace gavel::daemon
