#include "tests/simulation/room.h"

#include <iterator>
#include <optional>
#include <variant>

#include "tests/simulation/failure.h"

namespace gavel::simulation {

using namespace statemachine;  // NOLINT(google-build-using-namespace)

namespace {

// A key is never empty: what is there takes something.
std::int64_t size_of(const Ptr<KeyValue>& value) {
    return value ? static_cast<std::int64_t>(value->key.size() + value->value.size()) : 0;
}

template <class Put>
std::int64_t size_of_put(const Put& put) {
    return static_cast<std::int64_t>(put.key.size() + put.value.size());
}

bool is_ephemeral(const Ptr<KeyValue>& value) { return value && value->session != 0; }

bool opens_session(const Command& command) {
    const auto* acquire = std::get_if<AcquireLock>(&command);
    const auto* several = std::get_if<AcquireLocks>(&command);
    return std::holds_alternative<OpenSession>(command) ||
           (acquire != nullptr && acquire->session == 0) ||
           (several != nullptr && several->session == 0);
}

// Adds something that is no key: a session, a holder or a place in a queue, a rule.
bool adds(const Command& command) {
    const auto* schema = std::get_if<SetSchema>(&command);
    const auto* quota = std::get_if<SetQuota>(&command);
    return std::holds_alternative<OpenSession>(command) ||
           std::holds_alternative<AcquireLock>(command) ||
           std::holds_alternative<AcquireLocks>(command) ||
           (schema != nullptr && !schema->text.empty()) ||
           (quota != nullptr && quota->bounds.any());
}

// The session that an acquire or an opening made; 0: none.
SessionId opened_by(const Outcome& outcome) {
    if (const auto* opened = std::get_if<SessionOpened>(&outcome)) return opened->session;
    if (const auto* granted = std::get_if<LockGranted>(&outcome)) return granted->session;
    if (const auto* queued = std::get_if<LockQueued>(&outcome)) return queued->session;
    return 0;
}

}  // namespace

void Room::check(const Entry& entry, const Applied& applied) {
    if (applied.repeated) {
        expect(applied.events.empty(), "a repeat changes nothing");
        return;
    }
    check_refusal(entry, applied.outcome);
    Sizes changed;
    for (const auto& event : applied.events) {
        if (const auto* put = std::get_if<KeyPutEvent>(&event.body)) {
            changed[put->value->key] = size_of(put->value);
        } else if (const auto* deleted = std::get_if<KeyDeletedEvent>(&event.body)) {
            changed[deleted->key] = 0;
        }
    }
    check_growth(entry, changed);
    check_sessions(entry, applied);
    note(entry, applied);
    check_shown();
}

// Whoever is refused by a quota wanted more than that has room for, and is told the numbers.
void Room::check_refusal(const Entry& entry, const Outcome& outcome) const {
    const bool spared = std::holds_alternative<StorageFull>(outcome);
    const auto* exceeded = std::get_if<QuotaExceeded>(&outcome);
    if (!spared && exceeded == nullptr) return;
    count_refusal(entry, outcome);
    const Sizes sizes = wanted(entry.command);
    if (spared) return check_spared(entry, growth("", sizes));

    const auto quota = quotas_.find(exceeded->prefix);
    expect(quota != quotas_.end(), "a write is refused by a quota that was set");
    const QuotaBounds& bounds = quota->second;
    Use used = use_of(exceeded->prefix), more = growth(exceeded->prefix, sizes);
    std::optional<std::uint64_t> limit = bounds.keys;
    std::int64_t present = used.keys, asked = more.keys;
    if (exceeded->what == QuotaExceeded::What::bytes) {
        limit = bounds.bytes;
        present = used.bytes;
        asked = more.bytes;
    } else if (exceeded->what == QuotaExceeded::What::sessions) {
        limit = bounds.sessions;
        present = static_cast<std::int64_t>(sessions_.size());
        asked = opens_session(entry.command) ? 1 : 0;
    }
    expect(asked > 0, "what shrinks is never refused");
    expect(limit && static_cast<std::uint64_t>(present + asked) > *limit,
           "what a quota has room for is not refused");
    expect(exceeded->limit == *limit && exceeded->used == static_cast<std::uint64_t>(present) &&
               exceeded->more == static_cast<std::uint64_t>(asked),
           "a refusal says how much there is and how much was asked for");
}

void Room::check_spared(const Entry& entry, const Use& wanted) const {
    expect(entry.spares_room, "room is refused only while it is spared");
    expect(wanted.keys > 0 || wanted.bytes > 0 || adds(entry.command),
           "what shrinks is never refused");
}

void Room::count_refusal(const Entry& entry, const Outcome& outcome) const {
    const auto* exceeded = std::get_if<QuotaExceeded>(&outcome);
    if (exceeded == nullptr) return reached_.count("room spared");
    reached_.count("quota exceeded");
    if (exceeded->what == QuotaExceeded::What::sessions) {
        reached_.count("quota of sessions exceeded");
    } else if (exceeded->prefix.empty()) {
        reached_.count("quota of everything exceeded");
    }
    if (std::holds_alternative<Transact>(entry.command)) {
        reached_.count("transaction refused by a quota");
    } else if (std::holds_alternative<RollBack>(entry.command)) {
        reached_.count("roll back refused by a quota");
    }
}

// What is in use of a quota gets no more than that allows, and where there is more already it gets
// no more at all; nor does anything while room is spared.
void Room::check_growth(const Entry& entry, const Sizes& changed) const {
    const Use all = growth("", changed);
    expect(!entry.spares_room || (all.keys <= 0 && all.bytes <= 0), "spared room is not taken");
    for (const auto& [prefix, bounds] : quotas_) {
        const Use used = use_of(prefix), more = growth(prefix, changed);
        const auto keys = static_cast<std::uint64_t>(used.keys + more.keys);
        const auto bytes = static_cast<std::uint64_t>(used.bytes + more.bytes);
        expect(more.keys <= 0 || !bounds.keys || keys <= *bounds.keys, "a quota of keys is kept");
        expect(more.bytes <= 0 || !bounds.bytes || bytes <= *bounds.bytes,
               "a quota of bytes is kept");
        const bool beyond = (bounds.keys && keys > *bounds.keys && more.keys <= 0) ||
                            (bounds.bytes && bytes > *bounds.bytes && more.bytes <= 0);
        if (!changed.empty() && beyond)
            reached_.count("write done where a quota was passed already");
    }
}

void Room::check_sessions(const Entry& entry, const Applied& applied) {
    const SessionId opened = opened_by(applied.outcome);
    const bool is_new = opened != 0 && sessions_.insert(opened).second;
    expect(!is_new || opens_session(entry.command), "a session is opened by whoever asks for one");
    const auto all = quotas_.find("");
    expect(!is_new || all == quotas_.end() || !all->second.sessions ||
               sessions_.size() <= *all->second.sessions,
           "a quota of sessions is kept");
    // One of which something is still to be freed has its room.
    std::erase_if(sessions_, [this](const SessionId id) {
        return machine_.session(id) == nullptr && !machine_.ending_sessions().contains(id);
    });
    expect(sessions_.size() == machine_.sessions().size() + machine_.ending_sessions().size(),
           "no session is there that nobody opened");
}

void Room::note(const Entry& entry, const Applied& applied) {
    for (const auto& event : applied.events) {
        if (const auto* put = std::get_if<KeyPutEvent>(&event.body)) {
            values_[put->value->key] = put->value;
            past_[put->value->key][applied.revision] = put->value;
        } else if (const auto* deleted = std::get_if<KeyDeletedEvent>(&event.body)) {
            values_.erase(deleted->key);
            past_[deleted->key][applied.revision] = nullptr;
        }
    }
    const auto* set = std::get_if<SetQuota>(&entry.command);
    if (set == nullptr) return;
    if (std::holds_alternative<RuleNotFound>(applied.outcome)) {
        expect(!set->bounds.any() && !quotas_.contains(set->prefix),
               "a quota is not found where none was set");
    }
    if (!std::holds_alternative<Done>(applied.outcome)) return;
    quotas_.erase(set->prefix);
    if (set->bounds.any()) quotas_[set->prefix] = set->bounds;
}

// What operators are shown is what there is.
void Room::check_shown() const {
    std::size_t set = 0;
    for (const auto& view : machine_.quotas()) {
        const std::string prefix = view.quota ? view.quota->prefix : "";
        const Use used = use_of(prefix);
        expect(view.keys == static_cast<std::uint64_t>(used.keys) &&
                   view.bytes == static_cast<std::uint64_t>(used.bytes),
               "what is shown to be in use is in use");
        if (view.quota == nullptr) continue;
        const auto quota = quotas_.find(prefix);
        expect(quota != quotas_.end() && quota->second == view.quota->bounds,
               "a quota is the one that was set");
        ++set;
    }
    expect(set == quotas_.size(), "a quota stays until it is taken away");
}

Room::Sizes Room::wanted(const Command& command) const {
    if (const auto* put = std::get_if<PutKey>(&command)) return {{put->key, size_of_put(*put)}};
    if (const auto* gone = std::get_if<DeleteKey>(&command)) return {{gone->key, 0}};
    if (const auto* transact = std::get_if<Transact>(&command)) return wanted(*transact);
    if (const auto* back = std::get_if<RollBack>(&command)) return wanted(*back);
    Sizes sizes;
    if (const auto* gone = std::get_if<DeletePrefix>(&command)) remove_all(sizes, gone->key);
    return sizes;
}

Room::Sizes Room::wanted(const Transact& command) const {
    bool succeeds = true;
    for (const auto& compare : command.compares) succeeds = succeeds && holds(compare);
    Sizes sizes;
    for (const auto& operation : succeeds ? command.then : command.otherwise) {
        if (const auto* put = std::get_if<PutOperation>(&operation)) {
            sizes[put->key] = size_of_put(*put);
        } else if (const auto* gone = std::get_if<DeleteOperation>(&operation)) {
            sizes[gone->key] = 0;
            if (gone->recursive) remove_all(sizes, gone->key);
        }
    }
    return sizes;
}

Room::Sizes Room::wanted(const RollBack& command) const {
    Sizes sizes;
    for (const auto& [key, changes] : past_) {
        if (command.is_prefix ? !key.starts_with(command.target) : key != command.target) continue;
        const auto after = changes.upper_bound(command.to);
        const Value then = after == changes.begin() ? nullptr : std::prev(after)->second;
        // They are left out: they live and end with their sessions.
        if (is_ephemeral(then) || is_ephemeral(present(key))) continue;
        sizes[key] = size_of(then);
    }
    return sizes;
}

// The key and those below it, also what was put there just before.
void Room::remove_all(Sizes& sizes, const std::string& key) const {
    const std::string below = key + '/';
    for (const auto& [name, value] : values_) {
        if (name == key || name.starts_with(below)) sizes[name] = 0;
    }
    for (auto& [name, size] : sizes) {
        if (name == key || name.starts_with(below)) size = 0;
    }
}

bool Room::holds(const Compare& compare) const {
    const Value value = present(compare.name);
    switch (compare.kind) {
        case Compare::Kind::exists:
            return value != nullptr;
        case Compare::Kind::absent:
            return value == nullptr;
        case Compare::Kind::revision:
            return (value ? value->modified : 0) == compare.number;
        case Compare::Kind::version:
            return (value ? value->version : 0) == compare.number;
        case Compare::Kind::value:
            return value && value->value == compare.value;
        default:
            throw Failure("nobody here compares JSON or tokens");
    }
}

Room::Value Room::present(const std::string& key) const {
    const auto at = values_.find(key);
    return at == values_.end() ? nullptr : at->second;
}

Room::Use Room::use_of(std::string_view prefix) const {
    Use use;
    for (auto at = values_.lower_bound(std::string(prefix));
         at != values_.end() && at->first.starts_with(prefix); ++at) {
        ++use.keys;
        use.bytes += size_of(at->second);
    }
    return use;
}

Room::Use Room::growth(std::string_view prefix, const Sizes& sizes) const {
    Use use;
    for (const auto& [key, size] : sizes) {
        if (!key.starts_with(prefix)) continue;
        const std::int64_t before = size_of(present(key));
        use.keys += (size > 0 ? 1 : 0) - (before > 0 ? 1 : 0);
        use.bytes += size - before;
    }
    return use;
}

}  // namespace gavel::simulation
