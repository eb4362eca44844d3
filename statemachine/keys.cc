#include "statemachine/keys.h"

#include <algorithm>
#include <optional>

#include "base/invariant.h"
#include "statemachine/draft.h"

namespace gavel::statemachine {

namespace {

std::int64_t footprint(const Ptr<KeyValue>& value) {
    return value ? static_cast<std::int64_t>(value->key.size() + value->value.size()) : 0;
}

// RFC 9110, section 13.1. `present` is the key's modify revision; 0: there is no such key.
bool holds(const Precondition& precondition, Revision present) {
    const auto& revisions = precondition.revisions;
    const bool exists = present != 0;
    const bool listed =
        exists && std::find(revisions.begin(), revisions.end(), present) != revisions.end();
    switch (precondition.kind) {
        case Precondition::Kind::none:
            return true;
        case Precondition::Kind::absent:
            return !exists;
        case Precondition::Kind::present:
            return exists;
        case Precondition::Kind::matches:
            return listed;
        case Precondition::Kind::none_matches:
            return !listed;
    }
    invariant(false, "a precondition has one of the known kinds");
    return false;
}

}  // namespace

Ptr<KeyValue> successor(const Step& step, const Ptr<KeyValue>& old, const PutOperation& put) {
    return std::make_shared<const KeyValue>(
        KeyValue{.key = put.key,
                 .value = put.value,
                 .content_type = put.content_type,
                 .author = std::string(step.author),
                 .created = old ? old->created : step.revision,
                 .modified = step.revision,
                 .version = old ? old->version + 1 : 1,
                 .modified_at = step.time,
                 .session = put.session,
                 .reason = std::string(step.reason),
                 .deleted_before = old ? old->deleted_before : 0,
                 .schema = put.schema});
}

Outcome Keys::put(Step& step, const PutKey& command) {
    const auto at = keys_.lower_bound(std::string_view(command.key));
    const bool exists = at != keys_.end() && at->name == command.key;
    if (command.session != 0 && !sessions_.contains(command.session)) {
        return SessionNotFound{command.session};
    }
    const Revision present = exists ? at->value->modified : 0;
    if (!holds(command.precondition, present)) return PreconditionFailed{present};

    const KeyChange change{exists ? at->value : nullptr,
                           successor(step, exists ? at->value : nullptr,
                                     {command.key, command.value, command.content_type,
                                      command.session, command.schema})};
    if (const auto refused = refusal(step, {&change, 1})) return *refused;
    this->change(step, at, change);
    return KeyPut{.version = change.after->version, .created = !exists};
}

Outcome Keys::remove(Step& step, const DeleteKey& command) {
    const auto at = keys_.find(std::string_view(command.key));
    const bool exists = at != keys_.end();
    const Revision present = exists ? at->value->modified : 0;
    if (!holds(command.precondition, present)) return PreconditionFailed{present};
    if (!exists) return KeyNotFound{};

    change(step, at, {at->value, nullptr});
    return KeyDeleted{};
}

Outcome Keys::remove_prefix(Step& step, const DeletePrefix& command) {
    Draft draft(*this, step);
    const std::uint64_t count = draft.remove_prefix(command.key);
    if (count == 0) return KeyNotFound{};
    if (draft.deletes_too_many()) return TooMuch{TooMuch::What::keys_deleted};
    for (const KeyChange& one : draft.changes()) change(step, one);
    return PrefixDeleted{count};
}

Outcome Keys::roll_back(Step& step, const RollBackPlan& plan, std::uint64_t judged) {
    if (plan.refused) return *plan.refused;
    const auto governing = [this](std::string_view key) { return schemas_.governing(key); };
    const bool fits = judged == digest_of_restored(plan, governing);
    std::vector<KeyChange> changes;
    RolledBack outcome;
    for (const auto& [present, past] : plan.changes) {
        ++(past ? outcome.restored : outcome.deleted);
        KeyChange& change = changes.emplace_back(KeyChange{present, nullptr});
        if (past == nullptr) continue;
        change.after = successor(step, present,
                                 {.key = past->key,
                                  .value = past->value,
                                  .content_type = past->content_type,
                                  .schema = fits ? governing(past->key) : no_schema});
    }
    if (const auto refused = refusal(step, changes)) return *refused;
    for (const KeyChange& one : changes) change(step, one);
    return outcome;
}

std::size_t Keys::end_session(Step& step, SessionId session, std::size_t most) {
    const auto of = ephemeral_.find(session);
    if (of == ephemeral_.end()) return 0;
    // Copied: what is done below takes the set apart.
    std::vector<const Entry*> entries;
    for (const Entry* entry : of->second) {
        if (entries.size() == most) break;
        entries.push_back(entry);
    }
    for (const Entry* entry : entries) change(step, {entry->value, nullptr});
    return entries.size();
}

std::optional<Outcome> Keys::refusal(const Step& step, std::span<const KeyChange> changes) const {
    std::int64_t keys = 0, bytes = 0;  // More than there were.
    std::map<SessionId, std::int64_t> ephemeral;
    std::vector<Quotas::Growth> growths;
    for (const auto& [before, after] : changes) {
        const Revision schema = after ? schemas_.governing(after->key) : 0;
        if (after && after->schema != schema) return SchemaChanged{schema};
        keys += (after ? 1 : 0) - (before ? 1 : 0);
        bytes += footprint(after) - footprint(before);
        growths.push_back({after ? after->key : before->key, (after ? 1 : 0) - (before ? 1 : 0),
                           footprint(after) - footprint(before)});
        if (before && before->session != 0) --ephemeral[before->session];
        if (after && after->session != 0) ++ephemeral[after->session];
    }
    const auto passes = [](std::int64_t more, std::uint64_t present, std::uint64_t limit) {
        return more > 0 && present + static_cast<std::uint64_t>(more) > limit;
    };
    if (step.spares_room && (keys > 0 || bytes > 0)) return StorageFull{};
    using What = LimitReached::What;
    if (passes(keys, keys_.size(), limits_.keys)) return LimitReached{What::keys};
    // A full store still takes a value that is no larger: it must not keep anybody from repairing
    // what is there.
    if (passes(bytes, this->bytes(), limits_.key_bytes)) return LimitReached{What::key_bytes};
    for (const auto& [session, more] : ephemeral) {
        if (passes(more, count_of(session), limits_.keys_per_session)) {
            return LimitReached{What::keys_per_session};
        }
    }
    if (auto exceeded = quotas_.forbids(growths)) return *std::move(exceeded);
    return std::nullopt;
}

void Keys::change(Step& step, const KeyChange& change) {
    this->change(step, keys_.lower_bound(change.key()), change);
}

void Keys::change(Step& step, Table::const_iterator at, const KeyChange& change) {
    const auto& before = change.before;
    const auto after = versions_.note(step, before, change.after);
    if (before) leave(*at);
    if (!after) {
        step.events.emplace_back(KeyDeletedEvent{before->key, before->version});
        step.rows.erase(key_row(before->key), at->hash);
        keys_.erase(at);
        return count(change);
    }
    step.events.emplace_back(KeyPutEvent{after});
    const std::uint64_t hash = step.rows.put(key_row(after->key), after, before ? at->hash : 0);
    if (before) {
        at->name = after->key;
        at->value = after;
        at->hash = hash;
    } else {
        at = keys_.insert(at, Entry{after->key, after, hash});
    }
    join(*at);
    count(change);
}

// Once the table has changed.
void Keys::count(const KeyChange& change) {
    const auto& [before, after] = change;
    const auto was = static_cast<std::uint64_t>(footprint(before));
    const auto is = static_cast<std::uint64_t>(footprint(after));
    if (before && after) {
        tally_.replace(change.key(), was, is);
    } else if (after) {
        tally_.add(change.key(), is);
    } else {
        tally_.remove(change.key(), was);
    }
    if (before) quotas_.shrank(change.key(), {1, was});
    if (after) quotas_.grew(change.key(), {1, is});
}

void Keys::walk(std::string_view from, const Tally::Visit& visit) const {
    for (auto at = keys_.lower_bound(from); at != keys_.end(); ++at) {
        if (!visit(at->name, static_cast<std::uint64_t>(footprint(at->value)))) return;
    }
}

void Keys::join(const Entry& entry) {
    if (entry.value->session != 0) ephemeral_[entry.value->session].insert(&entry);
}

void Keys::leave(const Entry& entry) {
    if (entry.value->session == 0) return;
    const auto of = ephemeral_.find(entry.value->session);
    of->second.erase(&entry);
    if (of->second.empty()) ephemeral_.erase(of);
}

void Keys::load(Ptr<KeyValue> value, std::uint64_t hash) {
    const std::string_view name = value->key;
    const auto bytes = static_cast<std::uint64_t>(footprint(value));
    const std::size_t before = keys_.size();
    join(*keys_.insert(keys_.end(), Entry{name, std::move(value), hash}));
    if (keys_.size() > before) tally_.add(name, bytes);
}

bool Keys::finish_load() const {
    return std::ranges::all_of(ephemeral_,
                               [this](const auto& of) { return sessions_.may_own(of.first); });
}

Ptr<KeyValue> Keys::find(std::string_view key) const {
    const auto at = keys_.find(key);
    return at == keys_.end() ? nullptr : at->value;
}

std::size_t Keys::count_of(SessionId session) const {
    const auto of = ephemeral_.find(session);
    return of == ephemeral_.end() ? 0 : of->second.size();
}

std::vector<Ptr<KeyValue>> Keys::list(std::string_view prefix, std::string_view after,
                                      std::size_t limit) const {
    std::vector<Ptr<KeyValue>> found;
    const bool from_prefix = after.empty() || after < prefix;
    auto at = from_prefix ? keys_.lower_bound(prefix) : keys_.upper_bound(after);
    for (; at != keys_.end() && found.size() < limit; ++at) {
        if (!at->name.starts_with(prefix)) break;
        found.push_back(at->value);
    }
    return found;
}

void Keys::append_rows(std::vector<Row>& rows) const {
    for (const Entry& entry : keys_) rows.push_back({key_row(entry.value->key), entry.value});
}

void Keys::check_invariants() const {
    Use use;
    std::size_t ephemeral = 0;
    for (const Entry& entry : keys_) {
        ++use.keys;
        use.bytes += static_cast<std::uint64_t>(footprint(entry.value));
        if (entry.value->session != 0) ++ephemeral;
        invariant(entry.name.data() == entry.value->key.data(),
                  "a key's name is that of its value");
    }
    invariant(use == tally_.all(), "the keys and their bytes are counted");
    tally_.check_invariants();
    invariant(keys_.size() <= limits_.keys, "there are no more keys than allowed");
    for (const auto& [session, entries] : ephemeral_) {
        ephemeral -= entries.size();
        invariant(sessions_.may_own(session), "an ephemeral key does not outlive its session");
        invariant(entries.size() <= limits_.keys_per_session,
                  "a session has no more keys than allowed");
        for (const Entry* entry : entries) {
            invariant(entry->value->session == session, "a key ends with its own session");
        }
    }
    invariant(ephemeral == 0, "each ephemeral key is known by its session");
}

}  // namespace gavel::statemachine
