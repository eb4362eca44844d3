#include "statemachine/draft.h"

#include <algorithm>
#include <iterator>

namespace gavel::statemachine {

Ptr<KeyValue> Draft::find(std::string_view key) const {
    const auto at = places_.find(key);
    return at == places_.end() ? keys_.find(key) : changes_[at->second].after;
}

KeyChange& Draft::change_of(std::string_view key) {
    auto at = places_.find(key);
    if (at == places_.end()) {
        const auto before = keys_.find(key);
        at = places_.emplace(std::string(key), changes_.size()).first;
        changes_.push_back({before, before});
    }
    return changes_[at->second];
}

std::uint64_t Draft::put(const PutOperation& operation) {
    KeyChange& change = change_of(operation.key);
    change.after = successor(step_, change.after, operation);
    return change.after->version;
}

std::uint64_t Draft::remove(std::string_view key) {
    const bool exists = find(key) != nullptr;
    // One that is gone already was looked at once more.
    if (exists || places_.contains(key)) ++visited_;
    if (exists) change_of(key).after = nullptr;
    return exists ? 1 : 0;
}

std::uint64_t Draft::remove_prefix(std::string_view key) {
    const std::string below = std::string(key) + '/';
    // Those that were there, and those that came here.
    std::vector<std::string> names{std::string(key)};
    const std::size_t limit = keys_.limits().deleted_at_once + 1;
    for (const auto& value : keys_.list(below, "", limit)) names.push_back(value->key);
    for (auto at = places_.lower_bound(below);
         at != places_.end() && std::string_view(at->first).starts_with(below); ++at) {
        if (changes_[at->second].before == nullptr) names.push_back(at->first);
    }
    std::uint64_t count = 0;
    for (const auto& name : names) count += remove(name);
    return count;
}

std::vector<KeyChange> Draft::changes() const {
    std::vector<KeyChange> changes;
    std::ranges::copy_if(changes_, std::back_inserter(changes), &KeyChange::changes_anything);
    return changes;
}

}  // namespace gavel::statemachine
