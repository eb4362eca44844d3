#include "tests/simulation/known.h"

#include <limits>
#include <variant>

#include "base/hash.h"

namespace gavel::simulation {

using statemachine::EventBody;
using statemachine::KeyPutEvent;
using statemachine::KeyValue;
using statemachine::LockEvent;
using statemachine::Member;
using statemachine::MemberEvent;
using statemachine::Role;

namespace {

constexpr std::size_t all = std::numeric_limits<std::size_t>::max();

std::string name_of_lock(const std::string& lock, statemachine::SessionId holder) {
    return "lock " + lock + " of " + std::to_string(holder);
}
std::string name_of_member(statemachine::MemberNumber member) {
    return "member " + std::to_string(member);
}
std::uint64_t value_of(const KeyValue& value) {
    return hash64(value.value.view(), hash64(value.content_type, value.version));
}
std::uint64_t value_of(Role role) { return role == Role::voter ? 1 : 2; }

}  // namespace

Known Known::of(const statemachine::Machine& machine, const api::WatchFilter& filter) {
    Known known;
    for (const auto& value : machine.keys("", "", all)) {
        const KeyPutEvent put{value};
        if (filter.matches(put)) known.learn(put);
    }
    for (const auto& lock : machine.locks("", "", all, {})) {
        if (!filter.matches(LockEvent{.lock = lock.name})) continue;
        for (const auto& holder : lock.holders) {
            known.set(name_of_lock(lock.name, holder->session), holder->token);
        }
    }
    if (!filter.members) return known;
    for (const Member& member : machine.globals().epochs.back().members) {
        known.set(name_of_member(member.id), value_of(member.role));
    }
    return known;
}

void Known::learn(const EventBody& body) {
    if (const auto* put = std::get_if<KeyPutEvent>(&body)) {
        set("key " + put->value->key, value_of(*put->value));
    } else if (const auto* deleted = std::get_if<statemachine::KeyDeletedEvent>(&body)) {
        erase("key " + deleted->key);
    } else if (const auto* lock = std::get_if<LockEvent>(&body)) {
        const std::string name = name_of_lock(lock->lock, lock->session);
        if (lock->change == LockEvent::Change::acquired) {
            set(name, lock->token);
        } else {
            erase(name);
        }
    } else {
        const auto& member = std::get<MemberEvent>(body);
        const std::string name = name_of_member(member.member);
        if (member.change == MemberEvent::Change::removed) {
            erase(name);
        } else {
            set(name, value_of(member.role));
        }
    }
}

void Known::set(const std::string& name, std::uint64_t value) {
    erase(name);
    things_[name] = value;
    hash_ += hash64(name, value);
}

void Known::erase(const std::string& name) {
    const auto known = things_.find(name);
    if (known == things_.end()) return;
    hash_ -= hash64(name, known->second);
    things_.erase(known);
}

const std::vector<api::WatchFilter>& watch_filters() {
    static const std::vector<api::WatchFilter> filters{
        {.prefixes = {""}, .locks = {""}, .members = true},
        {.prefixes = {""}},
        {.prefixes = {"k1"}, .keys = {"k0"}},
        {.locks = {""}},
        {.members = true},
        {.keys = {"k0"}, .locks = {"l0"}, .members = true}};
    return filters;
}

}  // namespace gavel::simulation
