#pragma once

#include <algorithm>
#include <iterator>
#include <string_view>

namespace gavel::statemachine {

// Calls `each` for every entry of an ordered map whose name is a prefix of `key`, the longest
// first, until it says false. Steps from name to name: no more of them than the key has bytes.
template <class Map, class Each>
void for_each_prefix(Map& map, std::string_view key, Each each) {
    // Every prefix of the key that was not met yet is at most as long as `key`.
    for (auto at = map.upper_bound(key); at != map.begin();) {
        --at;
        const std::string_view name = at->first;
        const auto differs = std::ranges::mismatch(name, key);
        if (differs.in1 == name.end()) {
            if (!each(*at)) return;
            if (name.empty()) return;
            key = key.substr(0, name.size() - 1);
        } else {
            key = key.substr(0, static_cast<std::size_t>(differs.in1 - name.begin()));
        }
        at = map.upper_bound(key);
    }
}

}  // namespace gavel::statemachine
