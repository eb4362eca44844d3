#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "statemachine/machine.h"
#include "tests/simulation/reached.h"

namespace gavel::simulation {

// Quotas, and how much room they leave: what is stored is counted here, key by key as events tell
// it and session by session as answers do. So a counter of the state machine's that is wrong shows
// both ways: by what it lets in, and by what it refuses.
class Room {
public:
    // Both must outlive it.
    Room(const statemachine::Machine& machine, Reached& reached)
        : machine_(machine), reached_(reached) {}

    // The machine has just executed the entry.
    void check(const statemachine::Entry& entry, const statemachine::Applied& applied);

private:
    struct Use {
        std::int64_t keys{};
        std::int64_t bytes{};
        bool operator==(const Use&) const = default;
    };
    // By key, what it takes in the end; 0: it is gone.
    using Sizes = std::map<std::string, std::int64_t>;
    using Value = statemachine::Ptr<statemachine::KeyValue>;

    void check_refusal(const statemachine::Entry& entry,
                       const statemachine::Outcome& outcome) const;
    void check_spared(const statemachine::Entry& entry, const Use& wanted) const;
    void count_refusal(const statemachine::Entry& entry,
                       const statemachine::Outcome& outcome) const;
    void check_growth(const statemachine::Entry& entry, const Sizes& changed) const;
    void check_shown() const;
    void note(const statemachine::Entry& entry, const statemachine::Applied& applied);
    void check_sessions(const statemachine::Entry& entry, const statemachine::Applied& applied);

    // What the command would leave of the keys that it changes, were it executed now.
    Sizes wanted(const statemachine::Command& command) const;
    Sizes wanted(const statemachine::Transact& command) const;
    Sizes wanted(const statemachine::RollBack& command) const;
    void remove_all(Sizes& sizes, const std::string& key) const;
    bool holds(const statemachine::Compare& compare) const;
    Value present(const std::string& key) const;
    Use use_of(std::string_view prefix) const;
    Use growth(std::string_view prefix, const Sizes& sizes) const;

    const statemachine::Machine& machine_;
    Reached& reached_;
    std::map<std::string, statemachine::QuotaBounds> quotas_;  // By prefix, as commands set them.
    std::map<std::string, Value> values_;
    std::map<std::string, std::map<statemachine::Revision, Value>> past_;  // Null: deleted.
    std::set<statemachine::SessionId> sessions_;
};

}  // namespace gavel::simulation
