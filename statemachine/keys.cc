#include "statemachine/keys.h"

#include <algorithm>
#include <optional>

#include "base/invariant.h"

namespace gavel::statemachine {

namespace {

std::uint64_t footprint(std::string_view key, const Bytes& value) {
    return key.size() + value.size();
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

Outcome Keys::put(Step& step, const PutKey& command) {
    const auto at = keys_.lower_bound(std::string_view(command.key));
    const bool exists = at != keys_.end() && at->name == command.key;
    const KeyValue* old = exists ? at->value.get() : nullptr;

    const Revision present = exists ? old->modified : 0;
    if (!holds(command.precondition, present)) return PreconditionFailed{present};

    const std::uint64_t before = exists ? footprint(old->key, old->value) : 0;
    const std::uint64_t after = footprint(command.key, command.value);
    if (!exists && keys_.size() >= limits_.keys) return LimitReached{LimitReached::What::keys};
    // A full store still takes a value that is no larger: it must not keep anybody from repairing
    // what is there.
    if (after > before && bytes_ + (after - before) > limits_.key_bytes) {
        return LimitReached{LimitReached::What::key_bytes};
    }

    auto value =
        std::make_shared<const KeyValue>(KeyValue{.key = command.key,
                                                  .value = command.value,
                                                  .content_type = command.content_type,
                                                  .author = command.author,
                                                  .created = exists ? old->created : step.revision,
                                                  .modified = step.revision,
                                                  .version = exists ? old->version + 1 : 1,
                                                  .modified_at = step.time});
    const std::uint64_t version = value->version;
    bytes_ += after - before;
    step.events.emplace_back(KeyPutEvent{value});
    const std::uint64_t hash = step.rows.put(key_row(command.key), value, exists ? at->hash : 0);
    if (exists) {
        at->name = value->key;
        at->value = std::move(value);
        at->hash = hash;
    } else {
        keys_.insert(at, Entry{value->key, value, hash});
    }
    return KeyPut{.version = version, .created = !exists};
}

Outcome Keys::remove(Step& step, const DeleteKey& command) {
    const auto at = keys_.find(std::string_view(command.key));
    const bool exists = at != keys_.end();
    const Revision present = exists ? at->value->modified : 0;
    if (!holds(command.precondition, present)) return PreconditionFailed{present};
    if (!exists) return KeyNotFound{};

    bytes_ -= footprint(at->value->key, at->value->value);
    step.events.emplace_back(KeyDeletedEvent{at->value->key, at->value->version});
    step.rows.erase(key_row(command.key), at->hash);
    keys_.erase(at);
    return KeyDeleted{};
}

void Keys::load(Ptr<KeyValue> value, std::uint64_t hash) {
    bytes_ += footprint(value->key, value->value);
    const std::string_view name = value->key;
    keys_.insert(keys_.end(), Entry{name, std::move(value), hash});
}

Ptr<KeyValue> Keys::find(std::string_view key) const {
    const auto at = keys_.find(key);
    return at == keys_.end() ? nullptr : at->value;
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
    std::uint64_t bytes = 0;
    for (const Entry& entry : keys_) {
        bytes += footprint(entry.name, entry.value->value);
        invariant(entry.name.data() == entry.value->key.data(),
                  "a key's name is that of its value");
    }
    invariant(bytes == bytes_, "the keys' bytes are counted");
    invariant(keys_.size() <= limits_.keys, "there are no more keys than allowed");
}

}  // namespace gavel::statemachine
