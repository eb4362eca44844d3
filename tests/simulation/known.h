#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "api/watch_filter.h"
#include "statemachine/machine.h"

namespace gavel::simulation {

// What there is, as far as a filter goes, by the events that told of it. One that heard every event
// once and in order knows what one does who looks at the state.
class Known {
public:
    static Known of(const statemachine::Machine& machine, const api::WatchFilter& filter);

    void learn(const statemachine::EventBody& body);
    // Equal for equal knowledge only, as far as 64 bits can tell.
    std::uint64_t hash() const { return hash_; }

private:
    void set(const std::string& name, std::uint64_t value);
    void erase(const std::string& name);

    std::map<std::string, std::uint64_t> things_;
    std::uint64_t hash_ = 0;
};

// What watchers may want.
const std::vector<api::WatchFilter>& watch_filters();

}  // namespace gavel::simulation
