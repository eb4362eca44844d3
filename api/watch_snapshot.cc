#include "api/watch_snapshot.h"

#include <algorithm>
#include <utility>

namespace gavel::api {
namespace {

using statemachine::EventBody;
using statemachine::KeyPutEvent;
using statemachine::KeyValue;
using statemachine::Lock;
using statemachine::LockEvent;
using statemachine::Machine;
using statemachine::MemberEvent;
using statemachine::Ptr;
using statemachine::Revision;
using Part = Snapshot::Place::Part;

void add(Snapshot::Piece& piece, Revision revision, EventBody body) {
    piece.events.push_back({revision, 0, true, std::move(body)});
}

Part part_of(Subject::Kind kind) {
    switch (kind) {
        case Subject::Kind::member:
            return Part::members;
        case Subject::Kind::key:
            return Part::keys;
        case Subject::Kind::lock:
            break;
    }
    return Part::locks;
}

}  // namespace

Snapshot::Snapshot(const WatchFilter& filter, PieceLimits limits)
    : limits_(limits),
      members_(filter.members),
      keys_(disjoint(filter.prefixes, filter.keys)),
      locks_(disjoint(filter.locks, {})) {}

// In the order of the names that they hold, none of which is in two.
Snapshot::Ranges Snapshot::disjoint(const std::vector<std::string>& prefixes,
                                    const std::vector<std::string>& names) {
    Ranges all;
    for (const auto& prefix : prefixes) all.push_back({prefix, true});
    for (const auto& name : names) all.push_back({name, false});
    // What a prefix covers stands right behind it.
    std::sort(all.begin(), all.end(), [](const Range& a, const Range& b) {
        return a.text != b.text ? a.text < b.text : a.is_prefix > b.is_prefix;
    });
    Ranges kept;
    const std::string* prefix = nullptr;
    for (auto& range : all) {
        if (prefix != nullptr && range.text.starts_with(*prefix)) continue;
        if (!kept.empty() && kept.back().text == range.text) continue;
        kept.push_back(range);
        if (range.is_prefix) prefix = &range.text;
    }
    return kept;
}

void Snapshot::Budget::spend(std::size_t count) {
    --names;
    bytes -= std::min(bytes, count);
}

Snapshot::Piece Snapshot::read(const Machine& state, const Place& from) const {
    Piece piece{.next = from};
    Place& next = piece.next;
    if (next.part == Part::members) {
        if (members_) read_members(state, piece);
        next = {.part = Part::keys};
    }
    Budget budget{limits_};
    while (next.part != Part::end && !budget.is_spent()) {
        const bool keys = next.part == Part::keys;
        const Ranges& ranges = keys ? keys_ : locks_;
        if (next.range == ranges.size()) {
            next = {.part = keys ? Part::locks : Part::end};
        } else if (keys) {
            read_keys(state, ranges[next.range], budget, piece);
        } else {
            read_locks(state, ranges[next.range], budget, piece);
        }
    }
    return piece;
}

void Snapshot::read_members(const Machine& state, Piece& piece) {
    const auto& epoch = state.globals().epochs.back();
    for (const auto& member : epoch.members) {
        add(piece, state.applied(),
            MemberEvent{.member = member.id,
                        .name = member.name,
                        .peer_address = member.peer_address,
                        .change = MemberEvent::Change::added,
                        .role = member.role,
                        .epoch = epoch.number,
                        .first_slot = epoch.first_slot});
    }
}

void Snapshot::read_keys(const Machine& state, const Range& range, Budget& budget, Piece& piece) {
    Place& next = piece.next;
    if (!range.is_prefix) {
        if (const auto value = state.key(range.text)) {
            budget.spend(value->value.size());
            add(piece, value->modified, KeyPutEvent{value});
        }
        ++next.range;
        return;
    }
    const auto asked = budget.names;
    const auto found = state.keys(range.text, next.after, asked);
    for (const auto& value : found) {
        budget.spend(value->key.size() + value->value.size());
        add(piece, value->modified, KeyPutEvent{value});
        next.after = value->key;
        if (budget.is_spent()) return;
    }
    next = {.part = next.part, .range = next.range + 1};
}

void Snapshot::read_locks(const Machine& state, const Range& range, Budget& budget, Piece& piece) {
    Place& next = piece.next;
    // One by one: a lock may have many holders, and is shown whole.
    const Machine::LockShown all_holders{.holders = SIZE_MAX, .waiters = 0};
    for (;;) {
        const auto found = state.locks(range.text, next.after, 1, all_holders);
        if (found.empty()) break;
        const auto& lock = found.front();
        budget.spend(lock.name.size() * (1 + lock.holder_count));
        for (const auto& holder : lock.holders) {
            // The token is the revision of the grant.
            add(piece, holder->token,
                LockEvent{lock.name, LockEvent::Change::acquired, holder->session, holder->token,
                          holder->mode});
        }
        next.after = lock.name;
        if (budget.is_spent()) return;
    }
    next = {.part = next.part, .range = next.range + 1};
}

bool Snapshot::has_passed(const Place& place, const EventBody& body) const {
    const auto [kind, name] = subject_of(body);
    const Part part = part_of(kind);
    if (part != place.part) return part < place.part;
    const Ranges& ranges = part == Part::keys ? keys_ : locks_;
    if (place.range == ranges.size()) return true;
    if (!place.after.empty() && name <= place.after) return true;
    return name < ranges[place.range].text;
}

}  // namespace gavel::api
