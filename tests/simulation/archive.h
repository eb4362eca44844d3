#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "statemachine/machine.h"
#include "tests/simulation/reached.h"

namespace gavel::simulation {

// Every value that any key had, at each revision, from the events of the commands alone: whatever a
// member says of the past is that, or that it is forgotten.
class Archive {
public:
    explicit Archive(Reached& reached) : reached_(reached) {}

    void note(const statemachine::Applied& applied);
    // Asked of a member that has executed as much as `machine` has.
    void check_key(const statemachine::Machine& machine, const std::string& key,
                   statemachine::Revision revision) const;
    void check_list(const statemachine::Machine& machine, const std::string& prefix,
                    std::size_t limit, statemachine::Revision revision) const;
    // It has just been executed: what it covers is as it was.
    void check_roll_back(const statemachine::RollBack& command,
                         const statemachine::Applied& applied) const;

private:
    struct Written {
        std::string value{};
        statemachine::Revision modified{};
        bool operator==(const Written&) const = default;
    };
    using State = std::map<std::string, Written>;

    std::optional<Written> at(const std::string& key, statemachine::Revision revision) const;
    // Of all keys that begin so, or of the one of that name.
    State state(std::string_view beginning, bool is_prefix, statemachine::Revision revision) const;

    Reached& reached_;
    // None: deleted.
    std::map<std::string, std::map<statemachine::Revision, std::optional<Written>>> keys_;
};

}  // namespace gavel::simulation
