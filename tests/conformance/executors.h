#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "statemachine/machine.h"
#include "tests/conformance/cluster.h"

namespace gavel::paxos {

// The state machines of a cluster's members, fed with encoded entries. What is stored is bytes: the
// rows that changed since the last time and the globals, as one transaction of the state would hold
// them; a member that starts again is made of these alone and executes what follows in its log.
//
// Holds every execution of a slot, by whomever and how often, against the first one (S27).
class Executors : public Executor {
public:
    // Machines with these limits.
    Executors(statemachine::Limits limits, std::uint64_t alpha) : limits_(limits), alpha_(alpha) {}

    void execute(MemberId member, Slot slot, const Value& value) override;
    void store(MemberId member) override;
    void restore(MemberId member) override;

    // The state of whoever has executed most.
    const statemachine::Machine& newest();
    const std::vector<std::string>& differences() const { return differences_; }

    // What was seen, for a test to demand.
    std::size_t executed_again() const { return executed_again_; }  // After a crash.
    std::size_t loaded_rows() const { return loaded_rows_; }
    const std::set<std::size_t>& commands() const { return commands_; }  // By index().
    const std::set<std::size_t>& outcomes() const { return outcomes_; }

private:
    struct Member {
        statemachine::Machine machine;
        std::map<statemachine::RowKey, statemachine::RowValue> unstored{};
        std::uint64_t reached = 0;  // The last slot of any run.
    };
    struct Stored {
        std::map<statemachine::RowKey, std::string> rows{};
        std::optional<std::string> globals{};
    };
    struct Execution {
        std::uint64_t hash{};
        statemachine::Outcome outcome{};
        statemachine::Revision revision{};
        bool repeated{};
        std::map<statemachine::RowKey, std::uint64_t> changed{};  // Hashes.
        bool operator==(const Execution&) const = default;
    };

    Member& at(MemberId member);
    statemachine::Applied apply(statemachine::Machine& machine, Slot slot, const Value& value);

    statemachine::Limits limits_;
    std::uint64_t alpha_;
    std::map<MemberId, Member> members_;
    std::map<MemberId, Stored> stored_;
    std::vector<Execution> first_;  // By slot, from 1.
    std::vector<std::string> differences_;
    std::size_t executed_again_ = 0;
    std::size_t loaded_rows_ = 0;
    std::set<std::size_t> commands_;
    std::set<std::size_t> outcomes_;
};

}  // namespace gavel::paxos
