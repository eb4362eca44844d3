#include "tests/simulation/archive.h"

#include <algorithm>
#include <limits>
#include <variant>

#include "tests/simulation/failure.h"

namespace gavel::simulation {

using statemachine::Revision;

void Archive::note(const statemachine::Applied& applied) {
    for (const auto& event : applied.events) {
        if (const auto* put = std::get_if<statemachine::KeyPutEvent>(&event.body)) {
            keys_[put->value->key][event.revision] =
                Written{std::string(put->value->value.view()), put->value->modified};
        } else if (const auto* gone = std::get_if<statemachine::KeyDeletedEvent>(&event.body)) {
            keys_[gone->key][event.revision] = std::nullopt;
        }
    }
}

std::optional<Archive::Written> Archive::at(const std::string& key, Revision revision) const {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return std::nullopt;
    const auto later = found->second.upper_bound(revision);
    return later == found->second.begin() ? std::nullopt : std::prev(later)->second;
}

Archive::State Archive::state(std::string_view beginning, bool is_prefix, Revision revision) const {
    State state;
    for (const auto& [key, changes] : keys_) {
        const bool covered = is_prefix ? key.starts_with(beginning) : key == beginning;
        if (!covered) continue;
        if (const auto written = at(key, revision)) state.emplace(key, *written);
    }
    return state;
}

void Archive::check_key(const statemachine::Machine& machine, const std::string& key,
                        Revision revision) const {
    const auto found = machine.key_at(key, revision);
    if (!found.known) {
        const auto oldest =
            machine.key_changes(key, std::numeric_limits<Revision>::max(), 1).oldest;
        expect(revision < oldest && machine.key_at(key, oldest).known,
               "what is forgotten of a key lies before what is known");
        reached_.count("past of a key forgotten");
        return;
    }
    const auto was = at(key, revision);
    expect(found.value ? was && was->value == found.value->value.view() &&
                             was->modified == found.value->modified
                       : !was,
           "a key in the past is what it was");
    if (found.value != machine.key(key)) reached_.count("key read in the past");
}

void Archive::check_list(const statemachine::Machine& machine, const std::string& prefix,
                         std::size_t limit, Revision revision) const {
    State listed;
    std::string after;
    for (bool more = true; more;) {
        const auto page = machine.keys_at(prefix, after, limit, revision);
        if (page.forgotten) {
            expect(revision < page.forgotten->oldest, "a list is refused for what is forgotten");
            reached_.count("list of the past forgotten");
            return;
        }
        for (const auto& value : page.keys) {
            listed.emplace(value->key, Written{std::string(value->value.view()), value->modified});
        }
        after = page.last;
        more = page.more;
    }
    expect(listed == state(prefix, true, revision), "a list of the past is what there was");
    if (revision < machine.applied()) reached_.count("list of the past read");
}

void Archive::check_roll_back(const statemachine::RollBack& command,
                              const statemachine::Applied& applied) const {
    if (applied.repeated) return;
    if (!std::holds_alternative<statemachine::RolledBack>(applied.outcome)) {
        expect(applied.events.empty(), "a roll back that is refused changes nothing");
        reached_.count("roll back refused");
        return;
    }
    const State then = state(command.target, command.is_prefix, command.to);
    const State now = state(command.target, command.is_prefix, applied.revision);
    const auto same = [](const auto& one, const auto& other) {
        return one.first == other.first && one.second.value == other.second.value;
    };
    expect(std::ranges::equal(then, now, same), "what was rolled back is as it was");
    if (!applied.events.empty()) reached_.count("roll back changed something");
}

}  // namespace gavel::simulation
