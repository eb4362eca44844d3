#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "statemachine/state.h"

namespace gavel::api {

// What a watcher wants to see: keys and locks by prefix, keys by name, the members.
struct WatchFilter {
    std::vector<std::string> prefixes{};
    std::vector<std::string> keys{};
    std::vector<std::string> locks{};  // Prefixes of lock names.
    bool members{};

    bool matches(const statemachine::EventBody& body) const;
    auto operator<=>(const WatchFilter&) const = default;
};

// What an event is about: a key, a lock or a member. Of a member it has no name.
struct Subject {
    enum class Kind : std::uint8_t { member, key, lock };
    Kind kind{};
    std::string_view name{};
};
Subject subject_of(const statemachine::EventBody& body);

}  // namespace gavel::api
