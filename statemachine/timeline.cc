#include "statemachine/timeline.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace gavel::statemachine {

namespace {

// Of names, by one list. Many of them may be of keys that were not there then.
constexpr std::size_t looked_at_max = 10'000;

// What an event takes in the history beside its texts: a roll back is one change of it.
constexpr std::uint64_t event_overhead_bytes = 128;

RollBackRefused refusal(RollBackRefused::Reason reason, std::string_view key = {},
                        Revision oldest = 0) {
    return {.reason = reason, .key = std::string(key), .oldest = oldest};
}

std::uint64_t footprint(const RollBackPlan::Change& change, const RollBack& command) {
    const std::uint64_t words =
        event_overhead_bytes + command.author.size() + command.reason.size();
    if (!change.past) return words + change.present->key.size();
    return words + change.past->key.size() + change.past->value.size() +
           change.past->content_type.size();
}

bool is_same(const Ptr<KeyValue>& one, const Ptr<KeyValue>& other) {
    if (!one || !other) return one == other;
    return one->value == other->value && one->content_type == other->content_type;
}

bool is_ephemeral(const Ptr<KeyValue>& value) { return value && value->session != 0; }

}  // namespace

KeyAt Timeline::at(std::string_view key, Revision revision) const {
    const Name found = name(key);
    return versions_.at(found.present, found.past, revision);
}

KeysAt Timeline::list(std::string_view prefix, std::string_view after, std::size_t limit,
                      Revision revision) const {
    // A name of which nothing is known has been forgotten if it ever was.
    if (revision < versions_.floor()) return {.forgotten = Forgotten{{}, versions_.floor()}};

    KeysAt found{.last = std::string(after)};
    std::size_t looked_at = 0;
    do {
        const auto piece = std::min(limit - found.keys.size() + 1, looked_at_max);
        const auto next = names(prefix, found.last, piece);
        found.more = false;
        for (const Name& one : next) {
            found.more = found.keys.size() == limit || looked_at == looked_at_max;
            if (found.more) return found;
            KeyAt at = versions_.at(one.present, one.past, revision);
            if (!at.known) {
                return {.forgotten = Forgotten{std::string(one.key),
                                               versions_.known_from(one.present, one.past)}};
            }
            if (at.value) found.keys.push_back(std::move(at.value));
            found.last = one.key;
            ++looked_at;
        }
        found.more = next.size() == piece;
    } while (found.more);
    return found;
}

KeyChanges Timeline::changes(std::string_view key, Revision before, std::size_t limit) const {
    const auto [name_of, present, past] = name(key);
    KeyChanges found{.oldest = versions_.known_from(present, past),
                     .remembered = present != nullptr || past != nullptr};
    const auto add = [&](KeyRecord change) {
        if (revision_of(change) >= before) return;
        found.more = found.changes.size() == limit;
        if (!found.more) found.changes.push_back(std::move(change));
    };
    if (present) add(present);
    if (past == nullptr) return found;
    for (auto piece = past->rbegin(); piece != past->rend() && !found.more; ++piece) {
        add(piece->version->change);
    }
    return found;
}

RollBackPlan Timeline::plan(const RollBack& command, Revision applied) const {
    using Reason = RollBackRefused::Reason;
    RollBackPlan plan;
    const auto refuse = [](RollBackRefused why) {
        return RollBackPlan{.refused = Outcome(std::move(why))};
    };
    if (command.to > applied) return refuse(refusal(Reason::future));

    const auto looked_at = command.is_prefix
                               ? names(command.target, {}, limits_.rolled_back_looked_at + 1)
                               : std::vector<Name>{name(command.target)};
    if (looked_at.size() > limits_.rolled_back_looked_at) {
        return refuse(refusal(Reason::too_many_keys));
    }
    if (command.is_prefix && command.to < versions_.floor()) {
        return refuse(refusal(Reason::compacted, {}, versions_.floor()));
    }
    std::uint64_t bytes = 0;
    for (const Name& one : looked_at) {
        const KeyAt then = versions_.at(one.present, one.past, command.to);
        if (!then.known) {
            return refuse(
                refusal(Reason::compacted, one.key, versions_.known_from(one.present, one.past)));
        }
        if (is_same(one.present, then.value)) continue;
        // They live and end with their sessions.
        if (is_ephemeral(one.present) || is_ephemeral(then.value)) continue;
        plan.changes.push_back({one.present, then.value});
        bytes += footprint(plan.changes.back(), command);
        if (plan.changes.size() > limits_.rolled_back_keys) {
            return refuse(refusal(Reason::too_many_keys));
        }
        if (bytes > limits_.rolled_back_bytes) return refuse(refusal(Reason::too_large));
    }
    return plan;
}

std::vector<Timeline::Name> Timeline::names(std::string_view prefix, std::string_view after,
                                            std::size_t limit) const {
    const auto present = keys_.list(prefix, after, limit);
    const auto past = versions_.list(prefix, after, limit);
    std::vector<Name> names;
    auto here = present.begin();
    auto gone = past.begin();
    while (names.size() < limit && (here != present.end() || gone != past.end())) {
        const bool is_here =
            here != present.end() && (gone == past.end() || (*here)->key <= gone->key);
        const bool was_here =
            gone != past.end() && (here == present.end() || gone->key <= (*here)->key);
        names.push_back({.key = is_here ? std::string_view((*here)->key) : gone->key,
                         .present = is_here ? *here : nullptr,
                         .past = was_here ? gone->past : nullptr});
        if (is_here) ++here;
        if (was_here) ++gone;
    }
    return names;
}

Timeline::Name Timeline::name(std::string_view key) const {
    return {.key = key, .present = keys_.find(key), .past = versions_.find(key)};
}

void Timeline::check_invariants() const {
    for (const Name& one : names({}, {}, keys_.size() + versions_.size())) {
        if (one.past == nullptr) continue;
        const PastVersion& last = *one.past->back().version;
        const bool deleted = std::holds_alternative<Ptr<KeyDeletion>>(last.change);
        invariant(one.present || deleted, "what is gone was deleted");
        if (!one.present) continue;
        invariant(
            deleted ? one.present->deleted_before == last.over : one.present->modified == last.over,
            "the present follows the past");
    }
}

}  // namespace gavel::statemachine
