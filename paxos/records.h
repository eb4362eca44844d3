#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <variant>

#include "paxos/types.h"

namespace gavel::paxos {

// What must be on the disk before an answer that rests on it leaves (S17, S18).

struct PromiseRecord {  // The highest ballot promised.
    Ballot ballot{};
    bool operator==(const PromiseRecord&) const = default;
};
struct AttemptRecord {  // The highest ballot this member tried.
    Ballot ballot{};
    bool operator==(const AttemptRecord&) const = default;
};
struct AcceptRecord {  // Implies the promise of the same ballot.
    Slot slot{};
    Proposal proposal{};
    bool operator==(const AcceptRecord&) const = default;
};
struct ChosenRecord {  // Learned from another member; replaces what was accepted in the slot.
    Slot slot{};
    Value value{};
    bool operator==(const ChosenRecord&) const = default;
};
struct PrefixRecord {  // Every slot up to here is chosen, and its record stands before this one.
    Slot slot{};
    bool operator==(const PrefixRecord&) const = default;
};

using Record = std::variant<PromiseRecord, AttemptRecord, AcceptRecord, ChosenRecord, PrefixRecord>;

// One slot of the log as it was recovered.
struct LogEntry {
    Proposal proposal{};  // Ballot: the accepted one; zero where the value was only learned.
    bool chosen{};
    bool operator==(const LogEntry&) const = default;
};

// The protocol's memory as it was recovered; the records in order, replayed onto an empty one.
struct Durable {
    Ballot promised{};
    Ballot attempted{};
    Slot chosen_prefix{};
    Slot cut{};  // Slots up to here were removed from the log: chosen, and in the durable state.
    std::map<Slot, LogEntry> log{};
    std::set<Slot> faulty{};  // Present on the disk, but unreadable.
};

}  // namespace gavel::paxos
